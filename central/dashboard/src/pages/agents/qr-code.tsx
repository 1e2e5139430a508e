import qrcode from "qrcode-generator";
import { squares } from "./qr-squares.ts";

/** What a phone or a scanner reads. Dark on light in every theme and on paper: readers want it so. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const code = qrcode(0, "M");
  code.addData(text);
  code.make();
  const size = code.getModuleCount();
  /** As wide as the standard wants it. */
  const quiet = 4;
  const whole = size + 2 * quiet;
  return (
    <svg
      viewBox={`0 0 ${whole} ${whole}`}
      role="img"
      aria-label={label}
      className="size-full"
      shapeRendering="crispEdges"
    >
      <rect width={whole} height={whole} fill="#fff" />
      <path
        fill="#000"
        transform={`translate(${quiet} ${quiet})`}
        d={squares(size, (row, column) => code.isDark(row, column))}
      />
    </svg>
  );
}
