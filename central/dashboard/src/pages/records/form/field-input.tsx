import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId } from "react";
import { CheckField, SelectField, TextField } from "../../../parts/field.tsx";
import { type Field, removalKey } from "./fields.ts";

interface InputProps {
  field: Field;
  value: string | boolean;
  /** Whether a secret is to be taken away. */
  removed: boolean;
  /** Whether a secret is there. */
  has: boolean;
  creating: boolean;
  plant: string;
  time_zone: string;
  error: string | undefined;
  onChange: (key: string, value: string | boolean) => void;
}

/** One field of a record's form. */
export function FieldInput(props: InputProps) {
  const { field, value, creating, error, onChange } = props;
  const common = {
    label: field.label,
    ...(field.hint !== undefined && { hint: field.hint }),
    error,
    name: field.key,
    autoComplete: "off",
    required: field.required ?? false,
    value: String(value),
    onChange: (event: { target: { value: string } }) => onChange(field.key, event.target.value),
  };
  if (field.stays && !creating) {
    return <TextField {...common} hint="It stays: facts name it." required={false} readOnly disabled />;
  }
  switch (field.kind) {
    case "text":
      return field.suggest ? (
        <SuggestedField {...props} />
      ) : (
        <TextField {...common} maxLength={field.max} spellCheck={false} />
      );
    case "number":
      return <TextField {...common} inputMode="decimal" maxLength={20} />;
    case "moment":
      return (
        <TextField
          {...common}
          type="datetime-local"
          hint={`By the plant's clock (${props.time_zone}).`}
          max="9999-12-31T23:59"
        />
      );
    case "flag":
      return (
        <CheckField
          label={field.words}
          name={field.key}
          checked={value === true}
          onChange={(event) => onChange(field.key, event.target.checked)}
        />
      );
    case "choice":
      return (
        <SelectField {...common}>
          {field.options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </SelectField>
      );
    case "secret":
      return <SecretField {...props} />;
  }
}

function SuggestedField({ field, value, plant, error, onChange }: InputProps) {
  const id = useId();
  const text = String(value);
  const asked = useDeferredValue(text);
  const suggest = field.kind === "text" ? field.suggest : undefined;
  const found = useQuery({
    queryKey: ["master_data", "suggested", field.key, plant, asked],
    queryFn: ({ signal }) => (suggest ? suggest(plant, asked, signal) : []),
    enabled: suggest !== undefined && plant !== "",
    placeholderData: (before) => before,
  });
  return (
    <>
      <TextField
        label={field.label}
        {...(field.hint !== undefined && { hint: field.hint })}
        error={error}
        name={field.key}
        list={id}
        autoComplete="off"
        spellCheck={false}
        required={field.required ?? false}
        maxLength={field.kind === "text" ? field.max : 64}
        value={text}
        onChange={(event) => onChange(field.key, event.target.value)}
      />
      <datalist id={id}>
        {(found.data ?? []).map((one) => (
          <option key={one.value} value={one.value} label={one.label || one.value} />
        ))}
      </datalist>
    </>
  );
}

/** What is never shown: whether there is one, another one, or none from here on. */
function SecretField({ field, value, removed, has, creating, error, onChange }: InputProps) {
  if (field.kind !== "secret") return null;
  const standing = creating ? "" : has ? "One is set. Empty: it stays. " : "None is set. ";
  return (
    <div className="flex flex-col gap-1">
      <TextField
        label={creating || !has ? field.label : `New ${field.noun}`}
        hint={`${standing}${field.hint ?? ""}`}
        error={error}
        name={field.key}
        type="password"
        autoComplete="new-password"
        {...(field.digits && { inputMode: "numeric" as const })}
        maxLength={field.max}
        value={String(value)}
        disabled={removed}
        // A scanner ends with Enter: that is no order to save.
        onKeyDown={(event) => {
          if (event.key === "Enter") event.preventDefault();
        }}
        onChange={(event) => onChange(field.key, event.target.value)}
      />
      {!creating && has && (
        <CheckField
          label={`Take the ${field.noun} away`}
          checked={removed}
          onChange={(event) => onChange(removalKey(field.key), event.target.checked)}
        />
      )}
    </div>
  );
}
