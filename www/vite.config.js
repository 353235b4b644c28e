import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("."),
  base: "./", // the page lies wherever it is put
  resolve: { alias: { "assay-verifier": here("../verifier-wasm/dist/index.js") } },
  server: { fs: { allow: [here("..")] } },
  worker: { format: "es" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the policy of the page allows no data: addresses
    modulePreload: { polyfill: false },
    emptyOutDir: true,
  },
});
