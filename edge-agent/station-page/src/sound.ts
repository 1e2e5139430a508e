/** Three sounds that are told apart with the back to the screen: stored rises, already done repeats, rejected falls. */

export type Sound = "stored" | "already" | "rejected";

const KEY = "station.sound";
const NOTES: Record<Sound, { shape: OscillatorType; tones: [hertz: number, from_s: number, for_s: number][] }> = {
  stored: {
    shape: "sine",
    tones: [
      [880, 0, 0.09],
      [1319, 0.1, 0.16],
    ],
  },
  already: {
    shape: "sine",
    tones: [
      [660, 0, 0.08],
      [660, 0.14, 0.08],
      [660, 0.28, 0.08],
    ],
  },
  rejected: {
    shape: "square",
    tones: [
      [311, 0, 0.18],
      [196, 0.2, 0.4],
    ],
  },
};

let context: AudioContext | null = null;

export const isSoundOn = (): boolean => localStorage.getItem(KEY) !== "off";
export const setSoundOn = (on: boolean): void => localStorage.setItem(KEY, on ? "on" : "off");

/** Browsers allow sound only after somebody has touched the page: this waits for it. */
export function unlockSound(): () => void {
  const unlock = () => {
    context ??= new AudioContext();
    void context.resume();
  };
  const events = ["pointerdown", "keydown"] as const;
  for (const event of events) window.addEventListener(event, unlock, { capture: true, passive: true });
  return () => {
    for (const event of events) window.removeEventListener(event, unlock, { capture: true });
  };
}

export function play(sound: Sound): void {
  if (context?.state !== "running" || !isSoundOn()) return;
  const { shape, tones } = NOTES[sound];
  for (const [hertz, from_s, for_s] of tones) {
    const start = context.currentTime + from_s;
    const tone = new OscillatorNode(context, { type: shape, frequency: hertz });
    const loudness = new GainNode(context, { gain: 0 });
    // Without a ramp the speaker clicks.
    loudness.gain.setValueAtTime(0, start);
    loudness.gain.linearRampToValueAtTime(shape === "square" ? 0.15 : 0.4, start + 0.01);
    loudness.gain.linearRampToValueAtTime(0, start + for_s);
    tone.connect(loudness).connect(context.destination);
    tone.start(start);
    tone.stop(start + for_s);
  }
}
