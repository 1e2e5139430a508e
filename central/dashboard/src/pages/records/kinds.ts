/** What is maintained, in the order of the page; the word stands in addresses. */
export const KINDS = [
  "machines",
  "lines",
  "products",
  "work-orders",
  "reasons",
  "operators",
  "shifts",
  "plants",
] as const;

export type Kind = (typeof KINDS)[number];

export const KIND_WORDS: Record<Kind, string> = {
  machines: "Machines",
  lines: "Lines",
  products: "Products",
  "work-orders": "Work orders",
  reasons: "Reasons",
  operators: "Operators",
  shifts: "Shifts",
  plants: "Plants",
};
