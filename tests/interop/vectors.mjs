// Prints every vector that cctv-age publishes, as JSON: name -> file in base64.
import { createRequire } from "node:module";

const vectors = createRequire(import.meta.url)("cctv-age");
const files = Object.entries(vectors).map(([name, file]) => [
  name,
  Buffer.from(file).toString("base64"),
]);
process.stdout.write(JSON.stringify(Object.fromEntries(files)));
