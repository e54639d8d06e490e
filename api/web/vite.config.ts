import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Smaller files do not get smaller by an encoding than its header is long. */
const SMALLEST = 1024;

/** Writes each text file in the encodings that the server hands out, so that it compresses nothing itself. */
function precompress(): Plugin {
  const compress = (folder: string) => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) compress(path);
      else if (/\.(html|js|css|svg|ttf)$/.test(name) && statSync(path).size >= SMALLEST) {
        const bytes = readFileSync(path);
        // The two last levels take ten times as long as this one for one part in a hundred.
        const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 22 };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    }
  };
  let folder = "";
  return {
    name: "precompress",
    apply: "build",
    configResolved: (config) => {
      folder = resolve(config.root, config.build.outDir);
    },
    closeBundle: () => compress(folder),
  };
}

export default defineConfig({
  plugins: [react(), precompress()],
  build: {
    target: "es2023",
    // A data: URL would need a Content-Security-Policy that allows it.
    assetsInlineLimit: 0,
    // The polyfill is an inline script; browsers that the app runs in need none.
    modulePreload: { polyfill: false },
    // GraphiQL's editor; the dashboard's own limit is held by a test.
    chunkSizeWarningLimit: 8000,
    rollupOptions: {
      input: ["index.html", "graphiql.html"],
      // Directives of GraphiQL's own compiler, which mean nothing here.
      onwarn: (warning, warn) => {
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:8080", ws: true } } },
});
