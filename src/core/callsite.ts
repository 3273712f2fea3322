// Where in the caller's program something happens, read from a stack trace.
import { storageMode } from "./storage.ts";

const place = /\(?((?:[a-z]+:\/\/|\/|[A-Za-z]:[\\/])[^()]*:\d+:\d+)\)?$/;

/** The innermost line of the stack that lies outside of the library, as `file:line:column`; empty where the engine tells none. */
function callSite(): string {
  const places = (new Error("where").stack ?? "").split("\n").flatMap((line) => {
    const found = place.exec(line)?.[1];
    return found === undefined ? [] : [found];
  });
  // The first one is this file, two folders below the library's own.
  const own = places[0]?.replace(/[^\\/]*[\\/][^\\/]*$/, "");
  return places.find((found) => own === undefined || !found.startsWith(own)) ?? "";
}

/** From now on notes for every in-place write where in the program it happened, for the error of a gradient that needs the old value. */
export function notePlaces(): () => void {
  const before = storageMode.place;
  storageMode.place = callSite;
  return () => void (storageMode.place = before);
}
