/** Reads what an address says after `?`. Anything else than expected is as if it were not there: people edit addresses. */

const TEXT_MAX = 2_000;

export const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" && value.length <= TEXT_MAX
    ? value
    : typeof value === "number"
      ? String(value)
      : undefined;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const uuid = (value: unknown): string | undefined =>
  typeof value === "string" && UUID.test(value) ? value : undefined;

export const flag = (value: unknown): true | undefined =>
  value === true || value === 1 || value === "1" || value === "true" ? true : undefined;

export const wholeNumber = (value: unknown): number | undefined => {
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
};

export const oneOf =
  <T extends string>(...allowed: readonly T[]) =>
  (value: unknown): T | undefined =>
    allowed.find((word) => word === value);
