/** Why a receipt or a policy was not accepted. */
export class VerifyError extends Error {
  constructor(message, code, kind, section, hint) {
    super(message);
    this.name = "VerifyError";
    this.code = code;
    this.kind = kind;
    this.section = section;
    this.hint = hint;
  }
}
