/** What was wrong with a file, as the server says it: `line 3, column code: …`, one to a line of text. */
export interface ImportFault {
  line: number | null;
  column: string | null;
  text: string;
}

export function importFaults(detail: string): ImportFault[] {
  return detail
    .split("\n")
    .filter((text) => text.trim() !== "")
    .map((text) => {
      const [, line, column, rest] = /^line (\d+)(?:, column ([^:]+))?: (.*)$/s.exec(text) ?? [];
      if (line === undefined) return { line: null, column: null, text };
      return { line: Number(line), column: column ?? null, text: rest ?? "" };
    });
}
