/** How tiles fill a wall. Pure. */

export interface Arrangement {
  columns: number;
  rows: number;
  /** Font size of a tile, on which all its sizes hang. */
  font_px: number;
}

/** A tile in its own font size: what fits without cutting a line off. */
const TILE_EM = { width: 17.5, height: 12.2 };
/** Of a screen that is held in the hand. */
const HAND_PX = 700;

/**
 * The smallest font that can still be read: on a wall a share of the screen, since one of twice the pixels is looked at
 * from as far away.
 */
export const smallestFont = (width_px: number, height_px: number): number =>
  width_px < HAND_PX ? 13 : Math.max(15, Math.min(width_px, height_px) / 60);

const FONT_MAX_PX = 72;

/** The arrangement of `count` tiles with the largest font. */
export function arrangement(count: number, width_px: number, height_px: number, gap_px: number): Arrangement {
  let best: Arrangement = { columns: 1, rows: Math.max(1, count), font_px: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const tile_width = (width_px - gap_px * (columns - 1)) / columns;
    const tile_height = (height_px - gap_px * (rows - 1)) / rows;
    const font_px = Math.min(tile_width / TILE_EM.width, tile_height / TILE_EM.height, FONT_MAX_PX);
    if (font_px > best.font_px) best = { columns, rows, font_px };
  }
  return best;
}

/** How many tiles a screen holds at the smallest font that can be read. */
export function capacity(width_px: number, height_px: number, gap_px: number, font_min_px: number): number {
  const columns = Math.floor((width_px + gap_px) / (TILE_EM.width * font_min_px + gap_px));
  const rows = Math.floor((height_px + gap_px) / (TILE_EM.height * font_min_px + gap_px));
  return Math.max(1, columns) * Math.max(1, rows);
}

export interface Screenful<Id> {
  title: string;
  ids: Id[];
}

/** Lines share a screen as long as they fit; a line that fits no screen takes several. */
export function screenfuls<Id>(lines: readonly Screenful<Id>[], holds: number): Screenful<Id>[] {
  const screens: Screenful<Id>[] = [];
  for (const line of lines) {
    const last = screens.at(-1);
    if (last && last.ids.length + line.ids.length <= holds) {
      screens[screens.length - 1] = { title: `${last.title} · ${line.title}`, ids: [...last.ids, ...line.ids] };
      continue;
    }
    const parts = Math.ceil(line.ids.length / holds);
    const size = Math.ceil(line.ids.length / Math.max(1, parts));
    for (let part = 0; part < parts; part += 1) {
      const title = parts > 1 ? `${line.title} ${part + 1}/${parts}` : line.title;
      screens.push({ title, ids: line.ids.slice(part * size, (part + 1) * size) });
    }
  }
  return screens;
}
