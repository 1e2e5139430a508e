/** What went wrong, as RFC 9457 has it and as the server says it in words. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail || title);
    this.name = "Problem";
  }
}

/** Nothing came back: the network, or central itself. */
export const UNREACHABLE = new Problem(
  0,
  "Central cannot be reached",
  "Check the network; the page tries again by itself.",
);

/** Of something that was to be saved. Perhaps it was, and only the answer was lost. */
export const NOT_SAVED = new Problem(
  0,
  "Not saved: central cannot be reached",
  "It is still here. Check the network, then save it again.",
);

/** Anything that was thrown, as something to show. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "This page failed", error instanceof Error ? error.message : String(error));
}

/** Central says what was wrong in lower case, to follow a colon in a log. */
const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** The body of an answer that is no success. */
export function problemFrom(status: number, body: unknown): Problem {
  if (typeof body === "object" && body !== null && "title" in body && "detail" in body) {
    return new Problem(status, String(body.title), sentence(String(body.detail)));
  }
  return new Problem(status, `Central answered ${status}`, "");
}
