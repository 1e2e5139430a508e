import { expect, it } from "vitest";
import { screenAddress, tokenOf } from "./screen-token.ts";

it("an address that was made for a screen carries its token, for the kiosk only", () => {
  const address = new URL(screenAddress("https://central.example", "central_abc", "Werk Süd"));
  expect(address.searchParams.get("plant")).toBe("Werk Süd");
  expect(tokenOf(address)).toBe("central_abc");
  for (const other of ["/#token=central_abc", "/kiosk", "/kiosk#central_abc", "/kiosk/x#token=central_abc"]) {
    expect(tokenOf(new URL(other, "https://central.example"))).toBeUndefined();
  }
});
