/**
 * Tells a scanner from a human by the keys alone: a scanner that acts as a keyboard types faster than anybody can.
 *
 * A burst of keys is a scan when its mean gap is a scanner's and it ends in Enter or Tab, or, if it is longer, in a
 * pause. Nothing in here reads a clock or touches the page: the keys carry their time, and the answer says what to
 * keep from the page. Into a field keys are always let through, because they may be a human's; when the burst turns out
 * to be a scan, the field gets back what it held when the burst began.
 */

export interface KeyPress {
  /** What the computer's keyboard layout made of it. */
  key: string;
  /** Which key it was, as on a US keyboard. */
  code: string;
  /** Milliseconds on any steady clock. */
  at: number;
  shift?: boolean;
  ctrl?: boolean;
  alt?: boolean;
  meta?: boolean;
  altGraph?: boolean;
  capsLock?: boolean;
  /** A key that is held down. */
  repeat?: boolean;
  /** Whether the focus is where text can be typed. */
  editable?: boolean;
}

export interface Stroke {
  key: string;
  code: string;
  shift: boolean;
  altGraph: boolean;
  capsLock: boolean;
  /** The character, where a key combination stands for one: GS as Ctrl+], F8 or Alt+029. */
  control: string | null;
}

export interface Verdict {
  /** Keep this key from the page. */
  swallow: boolean;
  /** This key may be the first of a scan: remember what the field under the focus holds. */
  began: boolean;
  scan: Stroke[] | null;
}

export interface Limits {
  meanGapMs: number;
  /** Fingers rolled over three or four keys are nearly as quick as a slow scanner. */
  shortMeanGapMs: number;
  shortLength: number;
  /** Without a key in so long, a burst is over, as a rule. */
  pauseMs: number;
  /** A busy computer may hold a key up for so long in the middle of a scan. */
  hiccupMs: number;
  minimumLength: number;
  minimumLengthWithoutSuffix: number;
  maximumLength: number;
}

export const LIMITS: Limits = {
  meanGapMs: 50,
  shortMeanGapMs: 35,
  shortLength: 6,
  pauseMs: 150,
  hiccupMs: 450,
  minimumLength: 3,
  minimumLengthWithoutSuffix: 6,
  // The largest two-dimensional code holds 7,089 digits.
  maximumLength: 7089,
};

const GS = "\u001d";
const MODIFIERS = new Set(["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock", "NumLock", "Fn", "OS"]);
const PASS: Verdict = { swallow: false, began: false, scan: null };

export class Framer {
  private strokes: Stroke[] = [];
  private firstAt = 0;
  private lastAt = 0;
  private longestGap = 0;
  private isInField = false;
  private altDigits = "";
  private altDigitsAt = 0;
  private afterScanUntil = Number.NEGATIVE_INFINITY;

  /** `hasSuffix`: the scanner here ends in Enter or Tab, as was seen. A pause is no end then, and half a scan is none. */
  constructor(
    public hasSuffix = false,
    private readonly limits: Limits = LIMITS,
  ) {}

  press(press: KeyPress): Verdict {
    if (press.repeat) {
      this.reset();
      return PASS;
    }
    if (press.alt && /^Numpad[0-9]$/.test(press.code)) {
      this.altDigits = (this.altDigits + press.code.slice(-1)).slice(-4);
      this.altDigitsAt = press.at;
      return { ...PASS, swallow: this.isFast() };
    }
    const typedByNumber = this.finishAltDigits();
    if (MODIFIERS.has(press.key)) return { ...typedByNumber, swallow: press.key === "Alt" && this.isFast() };
    const verdict = isSuffix(press) ? this.suffix(press) : this.character(press);
    return {
      swallow: verdict.swallow,
      began: verdict.began || typedByNumber.began,
      scan: typedByNumber.scan ?? verdict.scan,
    };
  }

  release(press: Pick<KeyPress, "key">): Verdict {
    return press.key === "Alt" ? this.finishAltDigits() : PASS;
  }

  /** How long to wait for the next key before `pause` is asked. */
  get patienceMs(): number {
    const { pauseMs, hiccupMs, minimumLengthWithoutSuffix } = this.limits;
    const looksLikeScan = this.isInField ? this.strokes.length > 2 && this.isScannersPace(this.lastAt) : true;
    if (!looksLikeScan) return pauseMs;
    const isWhole = this.strokes.length >= minimumLengthWithoutSuffix && this.isScannersPace(this.lastAt);
    return isWhole && !this.hasSuffix ? pauseMs : hiccupMs;
  }

  /** To be asked once no key has come for a while. */
  pause(at: number): Verdict {
    if (at - this.lastAt < this.patienceMs) return PASS;
    return { ...PASS, scan: this.take(this.limits.minimumLengthWithoutSuffix, this.lastAt) };
  }

  private suffix(press: KeyPress): Verdict {
    const scan = this.continues(press.at) ? this.take(this.limits.minimumLength, press.at) : null;
    this.reset();
    if (scan) this.hasSuffix = true;
    // A scanner set to CR and LF ends in two.
    const swallow = scan !== null || press.at <= this.afterScanUntil;
    if (swallow) this.afterScanUntil = press.at + this.limits.pauseMs;
    return { ...PASS, swallow, scan };
  }

  private character(press: KeyPress): Verdict {
    this.isInField = press.editable ?? false;
    const stroke = strokeOf(press, this.continues(press.at));
    if (!stroke) {
      this.reset();
      return PASS;
    }
    const verdict = this.add(stroke, press.at);
    const takesNothing = stroke.control !== null || !press.editable;
    return { ...verdict, swallow: takesNothing && (stroke.control === GS || this.isFast()) };
  }

  /** What was typed as Alt and the number of the character, once it is complete. */
  private finishAltDigits(): Verdict {
    const digits = this.altDigits;
    this.altDigits = "";
    const code = Number(digits);
    if (digits.length < 2 || code === 0 || code > 126) return PASS;
    const control = String.fromCharCode(code);
    return this.add(
      { key: control, code: "", shift: false, altGraph: false, capsLock: false, control },
      this.altDigitsAt,
    );
  }

  private add(stroke: Stroke, at: number): Verdict {
    if (this.continues(at) && this.strokes.length < this.limits.maximumLength) {
      this.strokes.push(stroke);
      this.longestGap = Math.max(this.longestGap, at - this.lastAt);
      this.lastAt = at;
      return PASS;
    }
    const scan = this.take(this.limits.minimumLengthWithoutSuffix, this.lastAt);
    this.strokes = [stroke];
    this.firstAt = at;
    this.lastAt = at;
    this.longestGap = 0;
    return { ...PASS, began: true, scan };
  }

  private continues(at: number): boolean {
    return this.strokes.length > 0 && at - this.lastAt <= this.patienceMs;
  }

  /** The burst, if it is a scan that ended then; it is over either way. */
  private take(minimumLength: number, endedAt: number): Stroke[] | null {
    const strokes = this.strokes;
    const isScan = strokes.length >= minimumLength && this.isScannersPace(endedAt);
    this.reset();
    return isScan ? strokes : null;
  }

  private isFast(): boolean {
    return this.strokes.length > 1 && this.isScannersPace(this.lastAt);
  }

  /** By the mean gap. One hiccup is forgiven. */
  private isScannersPace(endedAt: number): boolean {
    const count = this.strokes.length;
    const gaps = endedAt > this.lastAt ? count : count - 1;
    const most = count < this.limits.shortLength ? this.limits.shortMeanGapMs : this.limits.meanGapMs;
    const total = endedAt - this.firstAt;
    const longest = Math.max(this.longestGap, endedAt - this.lastAt);
    return gaps > 0 && (gaps < 3 ? total / gaps : (total - longest) / (gaps - 1)) <= most;
  }

  private reset() {
    this.strokes = [];
    this.altDigits = "";
  }
}

function isSuffix({ key, code, ctrl, alt, meta }: KeyPress): boolean {
  if (alt || meta) return false;
  return ctrl ? code === "KeyM" || code === "KeyJ" : key === "Enter" || key === "Tab" || key === "\r" || key === "\n";
}

function strokeOf(press: KeyPress, inBurst: boolean): Stroke | null {
  const control = controlOf(press, inBurst);
  const types = press.key.length === 1 || isUntranslated(press) || /^Numpad[0-9]$/.test(press.code);
  const isShortcut = ((press.ctrl || press.alt) && !press.altGraph) || press.meta;
  if (control === null && (!types || isShortcut)) return null;
  return {
    key: press.key,
    code: press.code,
    shift: press.shift ?? false,
    altGraph: press.altGraph ?? false,
    capsLock: press.capsLock ?? false,
    control,
  };
}

/** A key whose character the layout or an input method keeps to itself; which key it was is known. */
function isUntranslated({ key, code }: KeyPress): boolean {
  return (key === "Dead" || key === "Process" || key === "Unidentified") && /^(Key|Digit|[A-Z][a-z]+)/.test(code);
}

/** Control characters as scanners type them. Ctrl with a letter is a human's shortcut unless a burst is under way. */
function controlOf({ key, code, ctrl, shift }: KeyPress, inBurst: boolean): string | null {
  if (key === "F8") return GS;
  if (key.length === 1 && key < " ") return key;
  if (!ctrl) return null;
  if (key === "]" || code === "BracketRight") return GS;
  if (!inBurst) return null;
  if (code === "BracketLeft") return "\u001b";
  if (code === "Backslash") return "\u001c";
  if (code === "Digit6" && shift) return "\u001e";
  if (code === "Minus" && shift) return "\u001f";
  const letter = /^Key([A-Z])$/.exec(code)?.[1];
  return letter ? String.fromCharCode(letter.charCodeAt(0) - 64) : null;
}
