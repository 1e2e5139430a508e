import { useStation } from "../station/station";
import { Button } from "./button";
import { Icon } from "./icon";

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/** Types into a value of digits. The focus stays where it is, so that a keyboard goes on typing there. */
export function NumberPad({
  value,
  onChange,
  maximumLength,
}: {
  value: string;
  onChange: (value: string) => void;
  maximumLength: number;
}) {
  const { texts } = useStation();
  const type = (digit: string) => value.length < maximumLength && onChange(value + digit);
  const key = (label: string, content: React.ReactNode, act: () => void, name?: string) => (
    <Button
      key={label}
      large
      className="text-2xl! short:min-h-14!"
      aria-label={name}
      tabIndex={-1}
      onPointerDown={(event) => event.preventDefault()}
      onMouseDown={(event) => event.preventDefault()}
      onClick={act}
    >
      {content}
    </Button>
  );
  return (
    <div className="grid grid-cols-3 gap-2">
      {DIGITS.map((digit) => key(digit, digit, () => type(digit)))}
      {key("clear", "C", () => onChange(""), texts.clear)}
      {key("0", "0", () => type("0"))}
      {key("delete", <Icon name="erase" />, () => onChange(value.slice(0, -1)), texts.delete_digit)}
    </div>
  );
}
