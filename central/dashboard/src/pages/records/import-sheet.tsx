import { useQueryClient } from "@tanstack/react-query";
import { type ChangeEvent, type DragEvent, useRef, useState } from "react";
import { ForeignText, numberText } from "screens";
import { Problem } from "../../api/problem.ts";
import type { Schema } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { CodeBlock } from "../../parts/code-block.tsx";
import { SelectField } from "../../parts/field.tsx";
import { ErrorNotice } from "../../parts/notices.tsx";
import { SideSheet } from "../../parts/side-sheet.tsx";
import { PlantOptions } from "../../session/plants.tsx";
import { useSession } from "../../session/session.ts";
import { type ImportFault, importFaults } from "./import-faults.ts";
import type { Csv } from "./resource.ts";

type Imported = Schema<"Imported">;

interface Sheet {
  name: string;
  text: string;
}

/** A spreadsheet brought in: first tried without doing anything, then as a whole or not at all. */
export function ImportSheet({
  title,
  csv,
  plant: chosenPlant,
  onClose,
}: {
  title: string;
  csv: Csv;
  plant: string | undefined;
  onClose: () => void;
}) {
  const { plants } = useSession();
  const queries = useQueryClient();
  const [plant, setPlant] = useState(chosenPlant ?? plants[0]?.name ?? "");
  const [sheet, setSheet] = useState<Sheet | null>(null);
  const [tried, setTried] = useState<Imported | null>(null);
  const [done, setDone] = useState<Imported | null>(null);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  const send = async (target: string, file: Sheet, dry_run: boolean) => {
    setBusy(true);
    setError(undefined);
    setTried(null);
    try {
      const imported = await csv.send(target, file.text, dry_run);
      if (dry_run) return setTried(imported);
      setDone(imported);
      await queries.invalidateQueries({ queryKey: ["master_data"] });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const choose = async (file: File | undefined) => {
    if (!file) return;
    const chosen = { name: file.name, text: await file.text() };
    setSheet(chosen);
    await send(plant, chosen, true);
  };
  return (
    <SideSheet title={title} unsaved={false} onClose={onClose}>
      {done ? (
        <div className="flex flex-col gap-4">
          <p role="status" className="font-semibold">
            Imported.
          </p>
          <Outcome imported={done} />
          <div className="flex justify-end">
            <Button look="primary" onClick={onClose}>
              Close
            </Button>
          </div>
        </div>
      ) : (
        <div className="flex flex-col gap-5">
          {plants.length > 1 && (
            <SelectField
              label="Into plant"
              value={plant}
              onChange={(event) => {
                setPlant(event.target.value);
                if (sheet) void send(event.target.value, sheet, true);
              }}
            >
              <PlantOptions />
            </SelectField>
          )}
          <Expected csv={csv} />
          <section
            aria-label="The file"
            className="flex flex-col items-center gap-2 rounded-card border-2 border-edge border-dashed px-4 py-8 text-center"
            onDragOver={(event: DragEvent) => event.preventDefault()}
            onDrop={(event: DragEvent) => {
              event.preventDefault();
              void choose(event.dataTransfer.files[0]);
            }}
          >
            <Button onClick={() => input.current?.click()} busy={busy}>
              {sheet ? "Choose another file" : "Choose a CSV file"}
            </Button>
            <input
              ref={input}
              type="file"
              accept=".csv,text/csv"
              aria-label="CSV file"
              className="sr-only"
              tabIndex={-1}
              onChange={(event: ChangeEvent<HTMLInputElement>) => {
                void choose(event.target.files?.[0]);
                event.target.value = "";
              }}
            />
            <p className="text-ink-soft text-sm">
              {sheet ? <ForeignText max={60}>{sheet.name}</ForeignText> : "or drop it here"}
            </p>
          </section>
          {error !== undefined && <Refused error={error} />}
          {tried && sheet && (
            <div className="flex flex-col gap-3" role="status">
              <p className="font-semibold">The file is good. Nothing was changed yet:</p>
              <Outcome imported={tried} />
              <div className="flex justify-end gap-2">
                <Button onClick={onClose}>Cancel</Button>
                <Button
                  look="primary"
                  busy={busy}
                  disabled={tried.created + tried.replaced === 0}
                  onClick={() => void send(plant, sheet, false)}
                >
                  Import {numberText(tried.rows)} {tried.rows === 1 ? "row" : "rows"}
                </Button>
              </div>
            </div>
          )}
        </div>
      )}
    </SideSheet>
  );
}

function Expected({ csv }: { csv: Csv }) {
  return (
    <div className="flex flex-col gap-2 text-sm">
      <p>
        A CSV file in UTF-8, commas or semicolons, its first line naming the columns. Rows that are there already are
        brought to what the file says; rows that it does not name stay. {csv.hint}
      </p>
      <CodeBlock label="Example">{csv.example}</CodeBlock>
    </div>
  );
}

function Outcome({ imported }: { imported: Imported }) {
  const figures = [
    ["new", imported.created],
    ["changed", imported.replaced],
    ["as they were", imported.unchanged],
  ] as const;
  return (
    <dl className="grid grid-cols-3 gap-2 text-center">
      {figures.map(([word, count]) => (
        <div key={word} className="flex flex-col-reverse rounded-card border border-line bg-surface py-3">
          <dt className="text-ink-soft text-sm">{word}</dt>
          <dd className="font-semibold text-2xl">{numberText(count)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Refused({ error }: { error: unknown }) {
  const faults = error instanceof Problem && error.status === 400 ? importFaults(error.detail) : [];
  if (faults.length === 0) return <ErrorNotice error={error} />;
  return (
    <div role="alert" className="flex flex-col gap-2 rounded-card border border-alarm bg-alarm-soft px-4 py-3 text-sm">
      <p className="font-semibold">Nothing was imported. Correct these lines, and choose the file again:</p>
      <ul className="flex flex-col divide-y divide-line">
        {faults.map((fault) => (
          <FaultLine key={`${fault.line} ${fault.column} ${fault.text}`} fault={fault} />
        ))}
      </ul>
    </div>
  );
}

function FaultLine({ fault }: { fault: ImportFault }) {
  return (
    <li className="grid grid-cols-[5rem_1fr] gap-x-3 py-1">
      <span className="font-medium">{fault.line !== null ? `line ${fault.line}` : ""}</span>
      <span>
        {fault.column && <code className="mr-2 font-mono text-xs">{fault.column}</code>}
        <ForeignText max={300}>{fault.text}</ForeignText>
      </span>
    </li>
  );
}
