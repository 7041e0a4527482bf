/** How the catalogue says what answers an attack. */
export interface Evidence {
  /** File under test/, without `.test.ts`. */
  readonly file: string;
  /** As it stands in the source; a title made from a table keeps its `${…}`. */
  readonly title: string;
}

/** Why an attack has nothing to attack here; asked again when such a thing is built. */
export interface NotApplicable {
  readonly notApplicable: string;
}

export type Answer = readonly Evidence[] | NotApplicable;

export const at = (file: string, ...titles: readonly string[]): readonly Evidence[] => titles.map((title) => ({ file, title }));
export const notApplicable = (reason: string): NotApplicable => ({ notApplicable: reason });
