// Which levels of forward mode are open: at each, tensors may carry tangents of their own.

/** Something that a level makes forget its value when it is closed. */
export interface Held {
  value: unknown;
}

/** One forward mode. Levels nest: what is computed for a level may carry tangents of the levels below it, and of no others. */
export class ForwardLevel {
  /** The levels that were open when this one was. */
  readonly below: readonly ForwardLevel[];
  open: boolean = true;
  private held: Held[] = [];

  constructor(below: readonly ForwardLevel[]) {
    this.below = below;
  }

  /** Clears the value of something that outlives the level. */
  clearsOnClosing(held: Held): void {
    this.held.push(held);
  }

  close(): void {
    this.open = false;
    for (const held of this.held) held.value = null;
    this.held = [];
  }
}

/** The levels that operations see, outermost first. A mutable record rather than variables, so that hot paths read one field. */
export const forwardMode: {
  /** Whether operations propagate tangents: there is a level, and it is not switched off. */
  active: boolean;
  enabled: boolean;
  levels: readonly ForwardLevel[];
} = { active: false, enabled: true, levels: [] };

/** Makes just these levels visible to operations. */
export function seeLevels(levels: readonly ForwardLevel[]): void {
  forwardMode.levels = levels;
  forwardMode.active = forwardMode.enabled && levels.length > 0;
}

/** Switches the propagation of tangents on or off. */
export function enableForward(enabled: boolean): void {
  forwardMode.enabled = enabled;
  seeLevels(forwardMode.levels);
}

/** Opens a level inside those that are open. */
export function openLevel(): ForwardLevel {
  const level = new ForwardLevel(forwardMode.levels);
  seeLevels([...forwardMode.levels, level]);
  return level;
}

/** Closes a level; its tangents are gone. */
export function closeLevel(level: ForwardLevel): void {
  level.close();
  seeLevels(forwardMode.levels.filter((other) => other !== level));
}

/** Runs a callback that sees only the levels below one: so a level's tangents are computed. */
export function beneath<T>(level: ForwardLevel, callback: () => T): T {
  const before = forwardMode.levels;
  seeLevels(level.below);
  try {
    return callback();
  } finally {
    seeLevels(before);
  }
}
