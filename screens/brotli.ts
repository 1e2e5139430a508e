import { brotliCompressSync, constants } from "node:zlib";
import type { Plugin } from "vite";

/** Writes `NAME.br` beside every text file of a build that gets smaller by it: what the program serves. */
export function brotli(): Plugin {
  return {
    name: "brotli",
    apply: "build",
    enforce: "post",
    generateBundle: {
      // After Vite's own last touch, which fills in what dynamic imports load.
      order: "post",
      handler(_, bundle) {
        for (const [fileName, output] of Object.entries(bundle)) {
          if (!/\.(js|css|svg|json)$/.test(fileName)) continue;
          const text = Buffer.from(output.type === "chunk" ? output.code : output.source);
          const source = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
          if (source.length < text.length) this.emitFile({ type: "asset", fileName: `${fileName}.br`, source });
        }
      },
    },
  };
}
