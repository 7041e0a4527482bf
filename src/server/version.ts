/** The version, of package.json: the one place that states it. Found upwards, wherever the compiled tree lies. */
import { existsSync, readFileSync } from "node:fs";

function packageFile(): URL {
  for (let here = new URL(".", import.meta.url); ; here = new URL("..", here)) {
    const candidate = new URL("package.json", here);
    if (existsSync(candidate)) return candidate;
    if (here.pathname === new URL("..", here).pathname) throw new Error("no package.json above the program");
  }
}

export const VERSION: string = (JSON.parse(readFileSync(packageFile(), "utf8")) as { version: string }).version;
