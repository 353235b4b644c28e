import type { RejectCode } from "./reject-code.js";

export type { RejectCode };

/**
 * Loads the module, once; call it again as often as you like.
 * In Node it reads the file, in a browser it fetches it, from beside this script.
 */
export function ready(): Promise<void>;

/**
 * Accepts a receipt under a policy as of `nowMs`.
 *
 * @param receipt the bytes of the receipt
 * @param policy JSON text, or its bytes: the policy's digest is over exactly these
 * @throws {VerifyError} for the first reason, in the order of FORMAT.md §10.1
 * @throws {RangeError} if `nowMs` is no time in milliseconds
 */
export function verify(receipt: Uint8Array, policy: string | Uint8Array, options: LiveOptions): VerifiedReport;

/**
 * Accepts a receipt as of its attestations' own times, which must lie in the policy's window.
 * This says nothing about now, nor that a key signed when it was attested.
 *
 * @throws {VerifyError} for the first reason
 */
export function verifyArchived(
  receipt: Uint8Array,
  policy: string | Uint8Array,
  options?: ArchivedOptions,
): VerifiedArchivedReport;

/**
 * Makes the same examination and returns all of it, whatever it says. Read `verdict`.
 *
 * @throws {VerifyError} only if the policy, or the name of a value, cannot be read
 */
export function explain(
  receipt: Uint8Array,
  policy: string | Uint8Array,
  options: LiveOptions | (ArchivedOptions & { readonly archived: true }),
): Report;

/**
 * Returns what a receipt says: decoded, NOT verified; for looking at, never for deciding.
 *
 * @throws {VerifyError} if the bytes are no receipt
 */
export function inspect(receipt: Uint8Array): View;

/**
 * Accepts an AWS Nitro attestation document by itself, as of `nowMs`: for enclaves that make no receipts.
 *
 * @param document the COSE_Sign1 bytes
 * @param policy JSON text of FORMAT.md §8.7, or its bytes: another grammar than the policies of receipts
 * @throws {VerifyError} for the first reason, or because the policy cannot be read
 * @throws {RangeError} if `nowMs` is no time in milliseconds
 */
export function verifyAttestation(
  document: Uint8Array,
  policy: string | Uint8Array,
  options: { readonly nowMs: number },
): VerifiedAttestation;

/**
 * Accepts an attestation document as of its own timestamp. This says nothing about now: the enclave may have been
 * gone for years.
 *
 * @throws {VerifyError} for the first reason, or because the policy cannot be read
 */
export function verifyAttestationArchived(document: Uint8Array, policy: string | Uint8Array): VerifiedArchivedAttestation;

/**
 * Returns what an attestation document says: decoded, NOT verified; for looking at, never for deciding.
 *
 * @throws {VerifyError} if the bytes are no attestation document
 */
export function inspectAttestation(document: Uint8Array): AttestationView;

/**
 * Runs a file of cases (FORMAT.md §8.8), live, under the root that the file names: is this verifier the one you take it for?
 *
 * @throws {VerifyError} if the file itself cannot be read
 */
export function attestationConformance(cases: string | Uint8Array): AttestationConformance;

/** Returns the exact text of a report: byte for byte what the command line prints. */
export function reportText(report: Report | AttestationReport | AttestationView): string;

/** Returns the bytes of a result, from an opening that matches its commitment. */
export function resultBytes(report: VerifiedReport | VerifiedArchivedReport, name: string): Uint8Array;

/** Why a receipt was refused, or a policy could not be used. */
export class VerifyError extends Error {
  private constructor();
  readonly name: "VerifyError";
  /** Stable, and the same in Rust, HTTP and on the command line. */
  readonly code: RejectCode;
  readonly kind: Kind;
  /** The section of FORMAT.md that states the rule. */
  readonly section: string;
  /** What a person can do about it, where the refusal is of an attestation document. */
  readonly hint: string | undefined;
}

/** Unreadable bytes; not shown; shown, but not what the policy pins; a policy that cannot be used. */
export type Kind = "malformed" | "unproven" | "not-pinned" | "policy";

/** What you sent and received, by the policy's names. */
export type Values = Readonly<Record<string, Uint8Array>>;

export interface LiveOptions {
  /** The time to verify at, in milliseconds since 1970, such as `Date.now()`. */
  readonly nowMs: number;
  readonly values?: Values;
  /** The nonce that you sent: the operation must carry it, whatever the policy says. */
  readonly expectedNonce?: Uint8Array;
}

export interface ArchivedOptions {
  readonly values?: Values;
  /** The nonce that you sent: the operation must carry it, whatever the policy says. */
  readonly expectedNonce?: Uint8Array;
}

/** Every check, every step, and the trust bill (FORMAT.md §10.4). */
export interface Report {
  readonly verdict: "accepted" | "refused";
  /** Code of the first failure; absent if there is none. */
  readonly code?: RejectCode;
  readonly mode: LiveMode | ArchivedMode;
  /** SHA-256 of the policy's text. */
  readonly policy: Hex;
  /** The release of the policy under which the receipt was examined; null where it could not be read. */
  readonly release: string | null;
  /** Identity of the operation; null where the receipt could not be read. */
  readonly operation: Hex | null;
  readonly checks: readonly Check[];
  readonly steps: readonly Step[];
  /** Values that were disclosed and match their commitments. */
  readonly values: readonly Value[];
  /** Names of the results among them. */
  readonly results: readonly string[];
  /** Every word of the policy that loosens a check. */
  readonly loosened: readonly string[];
  /** What remains to be trusted. */
  readonly trust: readonly TrustLine[];
  /** What shows the ways from inputs to results; empty where the plan is not the release's. */
  readonly paths: readonly Path[];
}

/** The ways from one input to one result. */
export interface Path {
  readonly input: string;
  readonly result: string;
  /** For each way, the methods that hold at its steps, `none` among them where nothing does; each set once. */
  readonly methods: readonly (readonly (Method | "none")[])[];
}

/** Only `verify` returns one. */
export interface VerifiedReport extends Report {
  readonly verdict: "accepted";
  readonly code?: never;
  readonly mode: LiveMode;
  readonly operation: Hex;
  readonly [verified]: "live";
}

/** Only `verifyArchived` returns one. */
export interface VerifiedArchivedReport extends Report {
  readonly verdict: "accepted";
  readonly code?: never;
  readonly mode: ArchivedMode;
  readonly operation: Hex;
  readonly [verified]: "archived";
}

/** What an accepted attestation document says (FORMAT.md §8.10). */
export interface AttestationReport {
  readonly verdict: "accepted";
  readonly mode: LiveMode | ArchivedMode;
  /** Where the chain begins; `aws` is false only where the policy names another root. */
  readonly root: { readonly aws: boolean; readonly common_name: string; readonly sha256: Hex };
  readonly module_id: string;
  /** The EC2 instance that the enclave runs on. */
  readonly instance: string;
  /** The AWS region; null where the policy leaves names unchecked. */
  readonly region: string | null;
  /** By the module id: to be shown, not to be relied on. */
  readonly launched_ms: number | null;
  /** When the hypervisor made the document. */
  readonly timestamp_ms: number;
  /** First and last moment of the leaf certificate. */
  readonly leaf_ms: readonly [number, number];
  readonly enclave: "production" | "debug";
  /** Which of the policy's sets of registers matched, counted from 0. */
  readonly matched_set: number;
  /** The registers, by number in decimal: 48 bytes each. */
  readonly pcrs: Readonly<Record<string, Hex>>;
  /** What the enclave's program put there; null where it is absent. */
  readonly public_key: Hex | null;
  readonly user_data: Hex | null;
  readonly nonce: Hex | null;
  /** With module id and timestamp it tells documents apart; a digest of the whole document does not. */
  readonly payload_sha256: Hex;
  /** Every word of the policy that loosens a check. */
  readonly loosened: readonly string[];
  /** What remains to be trusted. */
  readonly trust: readonly string[];
}

/** Only `verifyAttestation` returns one. */
export interface VerifiedAttestation extends AttestationReport {
  readonly mode: LiveMode;
  readonly [verified]: "live attestation";
}

/** Only `verifyAttestationArchived` returns one. */
export interface VerifiedArchivedAttestation extends AttestationReport {
  readonly mode: ArchivedMode;
  readonly [verified]: "archived attestation";
}

/** An attestation document as it reads; nothing in it was checked. */
export interface AttestationView {
  /** Says so. */
  readonly notice: string;
  readonly module_id: string;
  readonly instance: string | null;
  readonly region: string | null;
  readonly launched_ms: number | null;
  readonly timestamp_ms: number;
  readonly enclave: "production" | "debug";
  readonly pcrs: Readonly<Record<string, Hex>>;
  readonly public_key: Hex | null;
  readonly user_data: Hex | null;
  readonly nonce: Hex | null;
  /** Root first, leaf last. */
  readonly certificates: readonly {
    readonly common_name: string | null;
    readonly window_ms: readonly [number, number];
    readonly serial: Hex;
  }[];
}

/** What came of a file of cases. */
export interface AttestationConformance {
  readonly agreed: number;
  readonly disagreed: number;
  readonly cases: readonly {
    readonly id: string;
    readonly expected: "accept" | "reject" | "either";
    readonly got: "accept" | "reject";
    /** Null where the document was accepted. */
    readonly code: string | null;
    readonly agrees: boolean;
  }[];
  /** What `assay conformance nitro` prints. */
  readonly text: string;
  /** What it prints with `--json`. */
  readonly json: string;
}

/** In types only: a report that was not verified is no verified report. */
declare const verified: unique symbol;

export interface LiveMode {
  readonly clock: "live";
  readonly now_ms: number;
}

export interface ArchivedMode {
  readonly clock: "archived";
}

/** Lower-case hexadecimal. */
export type Hex = string;

export type Method = "recompute" | "tee" | "zk";

export interface Check {
  /** What was checked, in kebab case. */
  readonly id: string;
  /** Of which step, value or card. */
  readonly subject?: string;
  /** A skipped check counts for nothing. */
  readonly status: "pass" | "fail" | "skip" | "info";
  /** The section of FORMAT.md that states the rule. */
  readonly section: string;
  readonly code?: RejectCode;
  readonly kind?: Kind;
  /** What was demanded, where something was compared. */
  readonly expected?: string;
  readonly found?: string;
  readonly says: string;
}

export interface Step {
  readonly name: string;
  readonly function: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Methods that the operation promises. */
  readonly promised: readonly Method[];
  /** Methods whose evidence holds. */
  readonly held: readonly Method[];
  /** Methods that are promised and have no evidence yet. */
  readonly pending: readonly Method[];
  /** Whether what the policy demands of the step holds. */
  readonly satisfied: boolean;
}

export interface Value {
  readonly name: string;
  readonly type: Type;
  /** Its elements, where it is a tensor of at most 4,096 integers. */
  readonly integers?: readonly number[];
  /** SHA-256 of its bytes. */
  readonly sha256: Hex;
  /** The algorithm, a colon, and the commitment. */
  readonly commitment: string;
}

export type Type = TensorType | BytesType;

/** A value of a proved step, and what of it is among the proof's public inputs. FORMAT.md §6.3. */
export type Port = { readonly type: Type } & (
  | { readonly visibility: "committed" | "packed" }
  | { readonly visibility: "listed"; readonly low: number; readonly high: number }
);

export interface TensorType {
  readonly dtype: "f32" | "i8" | "i16" | "i32" | "u8";
  readonly shape: readonly number[];
  /** An integer x stands for x · 2^scale. */
  readonly scale: number;
}

export interface BytesType {
  /** Media type. */
  readonly media: string;
}

export interface TrustLine {
  /** Absent where it is about the whole. */
  readonly step?: string;
  readonly assumption: string;
}

/** A receipt as it reads; nothing in it was checked. */
export interface View {
  /** Says so. */
  readonly notice: string;
  readonly operation: {
    readonly digest: Hex;
    readonly name: string;
    readonly run: Hex;
    readonly nonce: Hex | null;
    readonly nonce_made_by: "client" | "server" | "none";
    readonly outcome: string;
    readonly values: readonly { readonly name: string; readonly type: Type; readonly commitment: string }[];
    readonly steps: readonly {
      readonly name: string;
      readonly function: string;
      readonly settings: Readonly<Record<string, boolean | number | string>>;
      readonly inputs: readonly string[];
      readonly outputs: readonly string[];
      readonly methods: readonly Method[];
      readonly card?: Hex;
    }[];
  };
  readonly evidence: readonly { readonly kind: string; readonly steps: readonly string[]; readonly bytes: number }[];
  readonly openings: readonly {
    readonly value: string;
    readonly bytes: number | null;
    readonly integers?: readonly number[];
  }[];
  readonly cards: readonly {
    readonly digest: Hex;
    readonly key: Hex;
    readonly circuit: Hex;
    readonly model: Hex;
    readonly manifest: Hex;
    readonly compiler: string;
    readonly inputs: readonly Port[];
    readonly outputs: readonly Port[];
    readonly setup: string;
  }[];
}
