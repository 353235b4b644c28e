/** How much the page takes. */

/** Most bytes of a file: answers of a model have at most 64 MiB (assay-verifier/openai); all else is far smaller. */
export const MAX_FILE = 100_000_000;
