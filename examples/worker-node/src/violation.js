// What a peer did wrong. It carries the requirement's id, so that a log line can quote it.

export class Violation extends Error {
  /**
   * @param {string} requirement the broken requirement, for example `GR-2.2-1`
   * @param {string} kind what kind of fault it is; the vectors name the same ones
   * @param {string} message what was expected and what came
   */
  constructor(requirement, kind, message) {
    super(message);
    this.name = 'Violation';
    this.requirement = requirement;
    this.kind = kind;
  }
}

/** @param {string} message */
export const malformed = (message) => new Violation('GR-3.1-1', 'Malformed', message);
