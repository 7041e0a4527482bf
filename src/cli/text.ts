/** Text for people: names of objects and clients are other people's, and must not steer a terminal. */

/** The text with control characters and line ends shown as escapes. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

const MIN_WIDTH = 10;

/** Lines of a name and a value; values of undefined are left out. */
export function rows(pairs: readonly (readonly [name: string, value: string | number | undefined])[]): string[] {
  const shown = pairs.filter(([, value]) => value !== undefined);
  const width = Math.max(MIN_WIDTH, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${printable(String(value))}`);
}

/** Seconds matter, milliseconds do not. */
export const shownTime = (date: Date): string => date.toISOString().replace(/\.\d{3}Z$/, "Z");

/** JSON with what a terminal would obey written as escapes. @param text of JSON.stringify, which escapes the rest */
export const safeJson = (text: string): string =>
  text.replace(/[\u007f-\u009f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

export const print = (line: string): void => void process.stdout.write(`${line}\n`);
