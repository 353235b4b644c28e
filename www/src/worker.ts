/** The thread that examines. It says when it is ready, and answers each question in turn. */

import { ready } from "assay-verifier";
import { type Finding, type Question, examine } from "./examine.js";

/** To the page. */
export type Said =
  | { readonly id: number; readonly finding: Finding }
  | { readonly broken: string }
  | { readonly ready: true };

const say = (said: Said) => postMessage(said);

addEventListener("message", (event: MessageEvent<{ readonly id: number; readonly question: Question }>) => {
  const { id, question } = event.data;
  void loaded.then(async () => say({ id, finding: await examine(question) }));
});

const loaded = ready();
loaded.then(
  () => say({ ready: true }),
  (error: unknown) => say({ broken: error instanceof Error ? error.message : String(error) }),
);
