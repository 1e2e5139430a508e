import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { setServerTime, visibleText } from "screens";
import { follow, newId } from "../agent/agent";
import type { Outbox, Outcome } from "../agent/outbox";
import type { Scanned, View } from "../api";
import { DialogView } from "../dialog-view";
import { type Feedback, feedbackOf } from "../entries/feedback";
import { FeedbackBar } from "../entries/feedback-bar";
import { formatsOf } from "../formats";
import { base64 } from "../scanning/decode";
import { listen } from "../scanning/wedge";
import { play } from "../sound";
import { chooseLanguage, type Language, languageOf, TEXTS } from "../texts/language";
import { Opening } from "./opening";
import { type Agent, type Dialog, type Requests, type Station, StationContext } from "./station";

const OPERATOR = "station.operator";

/** Holds what the page knows, and knows what follows from an answer. */
export function StationProvider({
  outbox,
  machine,
  children,
}: {
  outbox: Outbox;
  machine: string | null;
  children: ReactNode;
}) {
  const [view, setView] = useState<View | null>(null);
  const [agent, setAgent] = useState<Agent>({ answers: false, since: Date.now() });
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const [feedback, setFeedback] = useState<Feedback | null>(null);
  const [chosen, setChosen] = useState(() => localStorage.getItem(OPERATOR));
  const waiting = useSyncExternalStore(outbox.watch, outbox.waiting);
  const operator = activeOperator(view, chosen);
  const [language, setLanguageState] = useState<Language>(() => languageOf(chosen));
  const texts = TEXTS[language];
  const formats = useMemo(() => formatsOf(texts.locale, view?.time_zone ?? "UTC"), [texts, view?.time_zone]);
  const only = view?.machines.length === 1 ? view.machines[0]?.name : undefined;
  const machineName = only ?? machine;

  useEffect(
    () =>
      follow({
        view: (view) => {
          setServerTime(view.at);
          setView(view);
        },
        heard: () => setAgent((agent) => (agent.answers ? agent : { answers: true, since: Date.now() })),
        lost: () => setAgent((agent) => (agent.answers ? { answers: false, since: Date.now() } : agent)),
      }),
    [],
  );
  useEffect(() => {
    if (agent.answers) outbox.wake();
  }, [agent, outbox]);
  useEffect(() => setLanguageState(languageOf(operator)), [operator]);
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = view ? view.station : "Station";
  }, [language, view]);

  const dismiss = useCallback(() => setFeedback(null), []);
  const chooseOperator = useCallback((number: string) => {
    localStorage.setItem(OPERATOR, number);
    setChosen(number);
  }, []);

  const finished = (key: string, label: string, outcome: Outcome, isLate = false) => {
    const next = feedbackOf(key, label, outcome, texts, formats, isLate);
    setFeedback((current) => next ?? (current?.key === key ? null : current));
    if (next?.sound) play(next.sound);
  };

  const submit = async <Path extends keyof Requests>(path: Path, body: Requests[Path], label: string) => {
    const key = `${path} ${body.id}`;
    const outcome = outbox.send(path, body, label, { secret: path === "log-on" });
    setFeedback({ key, label, is: "storing", sound: null, undo: null });
    const result = await outcome;
    finished(key, label, result);
    return result;
  };

  // Meanwhile another panel may have been opened.
  const open = useRef(dialog);
  open.current = dialog;
  const loggedOn = (number: string) => {
    chooseOperator(number);
    if (open.current?.is !== "log_on") return;
    const { afterwards } = open.current;
    setDialog(null);
    afterwards?.(number);
  };

  const startJob = (operator: string, work_order: string) => {
    const target = view?.machines.find(({ name }) => name === machineName);
    if (!target) return setDialog({ is: "start_where", work_order });
    const action = target.job && target.job.work_order !== work_order ? "switch" : "start";
    const body = { id: newId(), operator, machine: target.name, action, work_order } as const;
    void submit("job", body, texts.labels.job[action](work_order));
  };

  const scanned = async (text: string) => {
    const body = { id: newId(), raw: base64(text), operator, machine: machineName ?? null };
    const outcome = await submit("scan", body, texts.labels.scan(visibleText(text)));
    if (outcome.is !== "stored") return;
    const { meaning } = outcome.stored as Scanned;
    if (meaning.is === "operator" && meaning.change !== "logged_off") loggedOn(meaning.number);
    if (meaning.is !== "work_order") return;
    const { work_order, job } = meaning;
    if (job === "asks_for_machine") setDialog({ is: "start_where", work_order });
    if (job === "asks_for_operator") setDialog({ is: "log_on", afterwards: (number) => startJob(number, work_order) });
    if (job === "started" || job === "switched") setDialog((dialog) => (dialog?.is === "job" ? null : dialog));
  };

  // The listeners live as long as the page; what they call is the latest.
  const latest = useRef({ scanned, view, finished });
  latest.current = { scanned, view, finished };
  useEffect(() => {
    outbox.onLate = ({ key, label }, outcome) => latest.current.finished(key, label, outcome, true);
    return listen({
      scanned: (text) => void latest.current.scanned(text),
      isKnown: (text) => latest.current.view?.work_orders.some(({ code }) => code === text) ?? false,
    });
  }, [outbox]);

  if (!view) return <Opening texts={texts} fails={!agent.answers} />;
  const station: Station = {
    view,
    agent,
    waiting,
    operator,
    chooseOperator,
    withOperator: (run) => (operator === null ? setDialog({ is: "log_on", afterwards: run }) : run(operator)),
    texts,
    formats,
    language,
    setLanguage: (language) => {
      chooseLanguage(operator, language);
      setLanguageState(language);
    },
    open: setDialog,
    close: () => setDialog(null),
    submit,
    withdraw: (key) => outbox.withdraw(key),
    loggedOn,
  };
  return (
    <StationContext value={station}>
      <div inert={dialog !== null}>{children}</div>
      {dialog && <DialogView dialog={dialog} />}
      <FeedbackBar feedback={feedback} onDismiss={dismiss} />
    </StationContext>
  );
}

/** Whoever was chosen here; without a choice the only one there is. With several, entries must not go to the wrong one. */
function activeOperator(view: View | null, chosen: string | null): string | null {
  if (!view) return null;
  if (view.operators.some(({ number }) => number === chosen)) return chosen;
  return view.operators.length === 1 ? (view.operators[0]?.number ?? null) : null;
}
