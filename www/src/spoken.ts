/** What was said in an OpenAI request or answer, to be shown beside its hash; the bytes are what is covered. */

/** Longest text that is shown, in characters. */
const SHOWN = 2000;

/** The last message of a request, or the answer's text; where there is neither, the bytes as text; null where they are none. */
export function spoken(bytes: Uint8Array, media: string): string | null {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
  const said = media === "text/event-stream" ? streamed(text) : whole(text);
  const shown = said ?? text;
  return shown.length > SHOWN ? `${shown.slice(0, SHOWN)}…` : shown;
}

function whole(text: string): string | null {
  const body = parsed(text);
  const message = list(body["messages"]).at(-1);
  if (message !== undefined) return content(fields(message)["content"]);
  if (typeof body["prompt"] === "string") return body["prompt"];
  const choice = list(body["choices"])[0];
  if (choice === undefined) return null;
  return content(fields(fields(choice)["message"])["content"] ?? fields(choice)["text"]);
}

function streamed(text: string): string | null {
  const data = text.split("\n").filter((line) => line.startsWith("data: "));
  const choices = data.flatMap((line) => list(parsed(line.slice(6))["choices"])).map(fields);
  const pieces = choices.map((choice) => content(fields(choice["delta"])["content"] ?? choice["text"]) ?? "");
  return choices.length === 0 ? null : pieces.join("");
}

/** Text, or the texts of a list of parts. */
function content(value: unknown): string | null {
  if (typeof value === "string") return value;
  const texts = list(value).map((part) => fields(part)["text"]).filter((text) => typeof text === "string");
  return texts.length === 0 ? null : texts.join("");
}

function parsed(text: string): Fields {
  try {
    return fields(JSON.parse(text));
  } catch {
    return {};
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
