import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { brotli } from "../../screens/brotli.ts";

export default defineConfig({ plugins: [react(), tailwindcss(), brotli()], build: { target: "es2022" } });
