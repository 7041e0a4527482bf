/** Names of the objects that listings go through: a thousand prefixes, whatever the number of keys. */
export const PREFIXES = 1000;
export const PAGE = 1000;

/** Numbered so that each prefix gets its share of the first keys as well. */
export const listedKey = (i: number): string =>
  `${prefixOf(i % PREFIXES)}/object-${String(Math.floor(i / PREFIXES)).padStart(5, "0")}`;
export const prefixOf = (i: number): string => `prefix-${String(i).padStart(4, "0")}`;

/** All keys in the order of a listing. */
export const sortedKeys = (count: number): string[] => Array.from({ length: count }, (_, i) => listedKey(i)).sort();
