/** Examinations in a thread of their own: the page can be used while they run, and can end them. */

import type { Finding, Question } from "./examine.js";
import type { Said } from "./worker.js";
import address from "./worker.ts?worker&url";

/** The examination was ended by the one who asked for it. */
export class Cancelled extends Error {}

interface Waiting {
  readonly resolve: (finding: Finding) => void;
  readonly reject: (error: Error) => void;
}

export class Checker {
  #worker: Worker | null = null;
  #ready: Promise<void> = Promise.resolve();
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /** Loads the thread: after this the network may go. */
  ready(): Promise<void> {
    if (this.#worker === null) this.#start();
    return this.#ready;
  }

  async check(question: Question): Promise<Finding> {
    await this.ready();
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker?.postMessage({ id, question });
    });
  }

  /** Ends what runs, at once: the thread goes, and another comes. */
  cancel(): void {
    this.#stop(new Cancelled("cancelled"));
    void this.ready().catch(() => undefined); // said by the next check
  }

  #start(): void {
    const worker = new Worker(trusted(address), { type: "module" });
    this.#worker = worker;
    this.#ready = new Promise((resolve, reject) => {
      const broken = (why: string) => {
        reject(new Error(why));
        this.#stop(new Error(why));
      };
      worker.addEventListener("error", (event) => broken(event.message || "the part of the page that checks cannot be loaded"));
      worker.addEventListener("message", ({ data }: MessageEvent<Said>) => {
        if ("ready" in data) resolve();
        else if ("broken" in data) broken(data.broken);
        else {
          this.#waiting.get(data.id)?.resolve(data.finding);
          this.#waiting.delete(data.id);
        }
      });
    });
  }

  #stop(why: Error): void {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
  }
}

/** The page's rules take no plain address for a script: this one is ours, and made when the page was built. */
function trusted(url: string): URL {
  const rules = (globalThis as { trustedTypes?: Rules }).trustedTypes;
  const policy = rules?.createPolicy("assay-worker", { createScriptURL: (asked) => (asked === address ? asked : "about:blank") });
  return policy?.createScriptURL(url) ?? new URL(url, location.href);
}

interface Rules {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): URL };
}
