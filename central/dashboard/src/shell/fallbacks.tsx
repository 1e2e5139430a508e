import { Link, useRouter } from "@tanstack/react-router";
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

export function Failed({ error }: { error: unknown }) {
  const router = useRouter();
  return (
    <div className="mx-auto max-w-2xl p-6">
      <ErrorNotice error={error} onRetry={() => void router.invalidate()} />
    </div>
  );
}
