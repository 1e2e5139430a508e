/** Events out of the text of a stream, however it was cut. Pure. */
export class EventText {
  private rest = "";

  push(text: string): { event: string; data: string }[] {
    const blocks = (this.rest + text).split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => {
      const values = (field: string) =>
        block.split("\n").flatMap((line) => (line.startsWith(`${field}: `) ? [line.slice(field.length + 2)] : []));
      const data = values("data");
      return data.length === 0 ? [] : [{ event: values("event").at(-1) ?? "message", data: data.join("\n") }];
    });
  }
}
