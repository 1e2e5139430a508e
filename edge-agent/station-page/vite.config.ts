import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { brotli } from "../../screens/brotli.ts";
import { standInAgent } from "./dev/agent.ts";

export default defineConfig({
  plugins: [react(), tailwindcss(), brotli(), standInAgent()],
  build: { target: "es2022" },
});
