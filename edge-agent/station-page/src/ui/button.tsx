import type { ComponentProps } from "react";

type Look = "primary" | "plain" | "quiet" | "alarm" | "warning";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-on-accent font-semibold active:brightness-90",
  plain: "bg-raised text-ink font-medium border-2 border-line active:bg-trough",
  quiet: "text-ink font-medium active:bg-trough",
  alarm: "bg-alarm-fill text-on-alarm font-semibold active:brightness-90",
  warning: "bg-warning-fill text-on-warning font-semibold active:brightness-90",
};

/** At least 48 px high, 64 px when `large`: to be hit with gloves. */
export function Button({
  look = "plain",
  large = false,
  className = "",
  ...rest
}: ComponentProps<"button"> & { look?: Look; large?: boolean }) {
  const size = large ? "min-h-16 px-5 text-lg" : "min-h-12 px-4 text-base";
  return (
    <button
      type="button"
      {...rest}
      className={`flex select-none items-center justify-center gap-3 rounded-card text-center leading-tight disabled:opacity-40 ${size} ${LOOKS[look]} ${className}`}
    />
  );
}
