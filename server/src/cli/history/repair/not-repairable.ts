/** Why a gap stays as it is: a plain sentence. The history was not changed, but for rows that were missing in it and are right. */
export class NotRepairable extends Error {}
