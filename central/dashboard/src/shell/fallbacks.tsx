import { Link, useRouter } from "@tanstack/react-router";
import { useEffect } from "react";
import { mayPass } from "../api/client.ts";
import { buttonClass } from "../parts/button.tsx";
import { ErrorNotice, Loading } from "../parts/notices.tsx";
import { Page } from "../parts/page.tsx";

export function Pending() {
  return (
    <div className="p-6">
      <Loading />
    </div>
  );
}

export function NotFound() {
  return (
    <Page title="There is no such page">
      <p>The address leads nowhere: perhaps it was cut off when it was copied.</p>
      <p>
        <Link to="/" className={buttonClass()}>
          To Plant now
        </Link>
      </p>
    </Page>
  );
}

const AGAIN_MS = 10_000;

/** What may pass is tried again by itself: nobody stands at a screen on a wall. */
export function Failed({ error }: { error: unknown }) {
  const router = useRouter();
  useEffect(() => {
    if (!mayPass(error)) return;
    const timer = setTimeout(() => void router.invalidate(), AGAIN_MS);
    return () => clearTimeout(timer);
  }, [router, error]);
  return (
    <div className="mx-auto max-w-2xl p-6">
      <ErrorNotice error={error} onRetry={() => void router.invalidate()} />
    </div>
  );
}
