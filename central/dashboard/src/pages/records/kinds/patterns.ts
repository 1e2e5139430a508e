/** What the API takes, in the words of its document. */

/** Names that configuration and the wire carry. */
export const NAME = {
  max: 64,
  pattern: /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/,
  expected: "Letters, digits, and . _ - between them.",
};

/** Codes that barcodes carry: anything that can be seen. */
export const CODE = {
  max: 64,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  pattern: /^[^\u0000-\u001f\u007f-\u009f]+$/,
  expected: "No control characters.",
};

export const TITLE = { max: 200 };
