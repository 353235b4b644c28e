/** Text that was received, so that what is seen is what it is. */

/**
 * Controls, marks of direction, and whatever else is drawn as nothing or moves what is beside it; halves of characters, too.
 * Each becomes visible, as `\u{202e}`.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

export function printable(text: string): string {
  return text.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`);
}
