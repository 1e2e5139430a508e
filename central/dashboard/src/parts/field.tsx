import { type ComponentProps, type ReactNode, useId } from "react";

const CONTROL =
  "min-h-10 w-full rounded-control border border-edge bg-raised px-3 py-1.5 text-ink placeholder:text-ink-soft disabled:bg-trough aria-invalid:border-alarm aria-invalid:ring-1 aria-invalid:ring-alarm";

interface Labelled {
  label: ReactNode;
  /** What is expected, before anything is wrong. */
  hint?: ReactNode;
  /** What was wrong and what to do. */
  error?: string | undefined;
}

function Frame({ id, label, hint, error, children }: Labelled & { id: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium text-sm">
        {label}
      </label>
      {children}
      {hint !== undefined && !error && (
        <p id={`${id}-hint`} className="text-ink-soft text-sm">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="text-alarm text-sm" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

const described = (id: string, hint: ReactNode, error?: string) => ({
  id,
  "aria-invalid": error ? true : undefined,
  "aria-describedby": error ? `${id}-error` : hint !== undefined ? `${id}-hint` : undefined,
});

export function TextField({ label, hint, error, className = "", ...rest }: Labelled & ComponentProps<"input">) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <input type="text" className={`${CONTROL} ${className}`} {...described(id, hint, error)} {...rest} />
    </Frame>
  );
}

export function TextAreaField({ label, hint, error, className = "", ...rest }: Labelled & ComponentProps<"textarea">) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <textarea rows={3} className={`${CONTROL} ${className}`} {...described(id, hint, error)} {...rest} />
    </Frame>
  );
}

export function SelectField({ label, hint, error, className = "", ...rest }: Labelled & ComponentProps<"select">) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <select className={`${CONTROL} ${className}`} {...described(id, hint, error)} {...rest} />
    </Frame>
  );
}

/** A box to tick, with its words beside it. */
export function CheckField({ label, ...rest }: { label: ReactNode } & ComponentProps<"input">) {
  return (
    <label className="flex min-h-8 items-center gap-2 text-sm">
      <input type="checkbox" className="size-4 accent-accent" {...rest} />
      {label}
    </label>
  );
}

/** One of a few, side by side: ranges, views, filters. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T | null;
  options: readonly { value: T; label: ReactNode }[];
  onChange: (value: T) => void;
}) {
  return (
    <fieldset className="inline-flex max-w-full flex-wrap rounded-control border border-edge bg-raised p-0.5">
      <legend className="sr-only">{label}</legend>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={value === option.value}
          onClick={() => onChange(option.value)}
          className={`min-h-8 rounded-[4px] px-2 text-sm sm:px-3 ${
            value === option.value ? "bg-ink font-medium text-surface" : "text-ink hover:bg-trough"
          }`}
        >
          {option.label}
        </button>
      ))}
    </fieldset>
  );
}
