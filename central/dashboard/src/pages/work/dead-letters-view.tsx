import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Age, ForeignName, ForeignText, momentText, numberText } from "screens";
import { answer, api } from "../../api/client.ts";
import type { Schema } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { CodeBlock } from "../../parts/code-block.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Answered, Listed } from "../../parts/listing.tsx";
import { Facts, Section } from "../../parts/page.tsx";
import { SideSheet } from "../../parts/side-sheet.tsx";
import { Table } from "../../parts/table.tsx";
import { useZones } from "../../session/plants.tsx";
import { useMay, useSession } from "../../session/session.ts";
import { deadLetterQuery, deadLettersQuery } from "./queries.ts";
import { deliveryOf, jobWord } from "./words.ts";

type Letter = Schema<"DeadLetter">;
type Decision = "replay" | "discard";

/** Jobs that were given up: why, and whether to try once more. */
export function DeadLettersView() {
  const { plant } = useSearch({ from: "/shell/work" });
  const several = useSession().plants.length > 1;
  const letters = useInfiniteQuery(deadLettersQuery(plant));
  const [opened, setOpened] = useState<Letter | null>(null);
  return (
    <>
      <Listed query={letters} rowsOf={(page) => page.dead_letters}>
        {(rows) => (
          <Table
            caption="Dead letters, newest first"
            rows={rows}
            rowKey={(letter) => letter.id}
            empty={<p className="font-semibold text-ink">No job was given up.</p>}
            columns={[
              {
                key: "kind",
                title: "Job",
                className: "min-w-36",
                cell: (letter) => (
                  <span className="flex flex-col items-start">
                    <button
                      type="button"
                      onClick={() => setOpened(letter)}
                      className="text-left font-medium underline-offset-2 hover:underline"
                    >
                      <ForeignName max={60}>{titleOf(letter)}</ForeignName>
                    </button>
                    <span className="text-ink-soft text-xs">
                      <ForeignText max={40}>{letter.queue ?? "no queue"}</ForeignText>
                      {several && letter.plant && (
                        <>
                          {" · "}
                          <ForeignText max={40}>{letter.plant}</ForeignText>
                        </>
                      )}
                    </span>
                  </span>
                ),
              },
              {
                key: "error",
                title: "Why",
                className: "w-full",
                cell: (letter) => <ForeignText max={160}>{letter.error ?? "not known"}</ForeignText>,
              },
              {
                key: "attempts",
                title: "Attempts",
                number: true,
                wideOnly: true,
                cell: (letter) => (letter.attempts != null ? numberText(letter.attempts) : "–"),
              },
              {
                key: "died",
                title: "Given up",
                cell: (letter) => (
                  <span className="whitespace-nowrap">
                    <Age of={letter.died_at} />
                  </span>
                ),
              },
            ]}
          />
        )}
      </Listed>
      {opened && <LetterSheet key={opened.id} letter={opened} onClose={() => setOpened(null)} />}
    </>
  );
}

const titleOf = (letter: Letter): string => (letter.kind ? jobWord(letter.kind) : `Message ${letter.id}`);

function LetterSheet({ letter, onClose }: { letter: Letter; onClose: () => void }) {
  const may = useMay("work:write");
  const time_zone = useZones()(letter.plant);
  const details = useQuery(deadLetterQuery(letter.id));
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Decision | null>(null);
  const decide = async (decision: Decision) => {
    const params = { path: { letter: letter.id } };
    try {
      await answer(
        decision === "replay"
          ? api.POST("/work/dead-letters/{letter}/replay", { params })
          : api.POST("/work/dead-letters/{letter}/discard", { params }),
      );
      onClose();
    } finally {
      // Also when it was refused: somebody else has decided.
      void queries.invalidateQueries({ queryKey: ["work"] });
    }
  };
  const delivery = deliveryOf(details.data?.message);
  return (
    <SideSheet title={titleOf(letter)} unsaved={false} onClose={onClose}>
      <div className="flex flex-col gap-6">
        <Facts
          facts={[
            ["Kind", <ForeignText key="kind">{letter.kind ?? "–"}</ForeignText>],
            ["Queue", <ForeignText key="queue">{letter.queue ?? "–"}</ForeignText>],
            ["Plant", <ForeignText key="plant">{letter.plant ?? "–"}</ForeignText>],
            ["Sent", letter.sent_at ? momentText(letter.sent_at, "full", time_zone) : "–"],
            ["Given up", momentText(letter.died_at, "full", time_zone)],
            ["Attempts", letter.attempts != null ? numberText(letter.attempts) : "–"],
            ...(delivery
              ? [
                  [
                    "Delivery",
                    <Link
                      key="delivery"
                      to="/work"
                      search={(before) => ({ plant: before.plant, show: "deliveries" as const, delivery })}
                      className="underline underline-offset-2"
                    >
                      To whom, and of what
                    </Link>,
                  ] as const,
                ]
              : []),
          ]}
        />
        <Answered query={details}>
          {(data) => (
            <>
              <Section title="Errors">
                <Errors errors={data.errors} time_zone={time_zone} />
              </Section>
              <Section title="Message">
                <CodeBlock label="Message">{JSON.stringify(data.message, null, 2)}</CodeBlock>
              </Section>
            </>
          )}
        </Answered>
        {may ? (
          <div className="flex flex-wrap justify-end gap-2">
            <Button onClick={() => setAsked("discard")}>Discard</Button>
            <Button look="primary" onClick={() => setAsked("replay")}>
              Replay
            </Button>
          </div>
        ) : (
          <p className="text-ink-soft text-sm">Managers and administrators replay or discard it.</p>
        )}
      </div>
      {asked && (
        <Confirm
          title={asked === "replay" ? "Try this job again?" : "Discard this job?"}
          action={asked === "replay" ? "Replay" : "Discard"}
          danger={asked === "discard"}
          run={() => decide(asked)}
          onClose={() => setAsked(null)}
        >
          {asked === "replay" ? (
            <p>
              It goes back to its queue with all its attempts before it. What it did already is not done twice. If the
              cause is still there, it comes back here.
            </p>
          ) : (
            <p>What it was to do is never done. It stays in the archive, and the audit log says who discarded it.</p>
          )}
        </Confirm>
      )}
    </SideSheet>
  );
}

function Errors({ errors, time_zone }: { errors: readonly Schema<"AttemptError">[]; time_zone: string | undefined }) {
  if (errors.length === 0) return <p className="text-ink-soft text-sm">No error was kept.</p>;
  return (
    <ol className="flex flex-col gap-3">
      {[...errors].reverse().map((error) => (
        <li key={error.attempt} className="rounded-card border border-line bg-surface p-3 text-sm">
          <p className="mb-1 text-ink-soft">
            Attempt {error.attempt}, {momentText(error.at, "full", time_zone)}
          </p>
          <ol>
            {error.chain.map((text, depth) => (
              <li
                // biome-ignore lint/suspicious/noArrayIndexKey: a chain never changes
                key={depth}
                className={`wrap-anywhere ${depth === 0 ? "font-medium" : "mt-1 border-line border-l-2 pl-3"}`}
              >
                <ForeignText max={400}>{text}</ForeignText>
              </li>
            ))}
          </ol>
        </li>
      ))}
    </ol>
  );
}
