import type { ComponentProps } from "react";

const LOOKS = {
  /** The one thing to do here. */
  primary: "bg-accent text-on-accent hover:brightness-110 border-transparent",
  plain: "border-edge bg-raised text-ink hover:bg-trough",
  /** In a row of others, or in a table. */
  quiet: "border-transparent text-ink hover:bg-trough",
  /** Takes something away. */
  danger: "bg-alarm-fill text-on-alarm hover:brightness-110 border-transparent",
};

interface Look {
  look?: keyof typeof LOOKS;
  small?: boolean;
}

/** The classes of a button, for a link that looks like one. */
export const buttonClass = ({ look = "plain", small = false }: Look = {}): string =>
  `inline-flex select-none items-center justify-center gap-2 whitespace-nowrap rounded-control border font-medium disabled:cursor-default disabled:opacity-50 aria-busy:cursor-default aria-busy:opacity-50 ${
    small ? "min-h-8 px-2.5 text-sm" : "min-h-10 px-4"
  } ${LOOKS[look]}`;

/**
 * `busy` while what it started is under way: it keeps its place and the focus, and cannot be pressed twice. Not disabled:
 * a browser takes the focus from what is, and whoever works by keys begins anew.
 */
export function Button({
  look = "plain",
  small = false,
  busy = false,
  className = "",
  type = "button",
  onClick,
  ...rest
}: ComponentProps<"button"> & Look & { busy?: boolean }) {
  return (
    <button
      type={type}
      className={`${buttonClass({ look, small })} ${busy ? "animate-pulse" : ""} ${className}`}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      {...rest}
    />
  );
}
