import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { serverNow, setServerTime, visibleText } from "screens";
import { follow, newId } from "../agent/agent";
import type { Outbox, Outcome } from "../agent/outbox";
import type { FromScanner, Meaning, Scanned, View } from "../api";
import { DialogView } from "../dialog-view";
import { type Feedback, feedbackOf } from "../entries/feedback";
import { FeedbackBar } from "../entries/feedback-bar";
import { formatsOf } from "../formats";
import { base64 } from "../scanning/decode";
import { isAnswered, isFresh, isWorkedOn, type Question, questionOf, untold } from "../scanning/from-scanners";
import { listen } from "../scanning/wedge";
import { play } from "../sound";
import { chooseLanguage, type Language, languageOf, TEXTS } from "../texts/language";
import { Opening } from "./opening";
import { useRenewal } from "./renewal";
import { type Agent, type Dialog, type Order, type Requests, type Station, StationContext } from "./station";

const OPERATOR = "station.operator";
/** Of this tab: another one tells it too. */
const TOLD = "station.told";

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
  const [agent, setAgent] = useState<Agent>({ answers: false, since: serverNow() });
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const [feedback, setFeedback] = useState<Feedback | null>(null);
  const [question, setQuestion] = useState<Question | null>(null);
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
        heard: () => setAgent((agent) => (agent.answers ? agent : { answers: true, since: serverNow() })),
        lost: () => setAgent((agent) => (agent.answers ? { answers: false, since: serverNow() } : agent)),
      }),
    [],
  );
  useEffect(() => {
    if (agent.answers) outbox.wake();
  }, [agent, outbox]);
  useRenewal(agent.answers, waiting.length === 0 && dialog === null && feedback === null);
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
    const elsewhere = view?.machines.filter(({ name }) => name !== machineName) ?? [];
    const next = feedbackOf(key, label, outcome, texts, formats, isLate, elsewhere);
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

  const startJob = (operator: string, order: Order) => {
    const { work_order, machine, planned_for } = order;
    const wanted = planned_for ? machine : (machine ?? machineName);
    const target = view?.machines.find(({ name }) => name === wanted);
    if (!target) return setDialog({ is: "start_where", order });
    const action = target.job && target.job.work_order !== work_order ? "switch" : "start";
    const body = { id: newId(), operator, machine: target.name, action, work_order } as const;
    void submit("job", body, texts.labels.job[action](work_order));
  };

  const scanned = async (text: string) => {
    const body = { id: newId(), raw: base64(text), operator, machine: machineName ?? null };
    const outcome = await submit("scan", body, texts.labels.scan(visibleText(text)));
    if (outcome.is === "stored") actOn((outcome.stored as Scanned).meaning, true);
  };

  /** What a scan leads to here. `isOurs`: it is this page's operator who scanned, for the machine on this page. */
  const actOn = (meaning: Meaning, isOurs: boolean) => {
    if (meaning.is === "operator" && meaning.change !== "logged_off") {
      // Two pages may be at work: a badge says of neither whose entries follow there.
      if (isOurs || open.current?.is === "log_on") loggedOn(meaning.number);
    }
    if (meaning.is !== "work_order") return;
    const { job } = meaning;
    if (job === "started" || job === "switched") setDialog((dialog) => (dialog?.is === "job" ? null : dialog));
    if (!isOurs || (job !== "asks_for_machine" && job !== "asks_for_operator")) return;
    if (operator !== null) startJob(operator, meaning);
    else setDialog({ is: "log_on", afterwards: (number) => startJob(number, meaning) });
  };

  /** Codes that scanners of the agent read are told here as if they had been scanned here. */
  const wasThere = useRef(false);
  const tell = (view: View) => {
    const { at, from_scanners, pages } = view;
    const news = untold(from_scanners, sessionStorage.getItem(TOLD));
    const before = wasThere.current;
    wasThere.current = true;
    const newest = news.at(-1);
    if (!newest) return;
    sessionStorage.setItem(TOLD, newest.id);
    const isNew = (read: FromScanner) => before && isFresh(read, at);
    const asked = questionOf(newest);
    if (isNew(newest) || asked === null || !isWorkedOn(asked, view)) tellOutcome(newest, isNew(newest));
    for (const read of news) {
      const asked = questionOf(read);
      const isOurs = isNew(read) && pages === 1;
      if (asked && !isOurs) {
        if (isNew(read) || !isWorkedOn(asked, view)) setQuestion(asked);
      } else if (read.outcome.is === "stored" && isNew(read)) actOn(read.outcome.stored.meaning, isOurs);
    }
  };
  const tellOutcome = (read: FromScanner, isNew: boolean) => {
    const label = read.code === null ? texts.labels.badge : texts.labels.scan(visibleText(read.code));
    const outcome: Outcome = read.outcome.is === "stored" ? { ...read.outcome, attempts: 1 } : read.outcome;
    if (isNew) return finished(`scan ${read.id}`, label, outcome);
    if (read.outcome.is === "stored" && questionOf(read) === null) return;
    const told = feedbackOf(`scan ${read.id}`, label, outcome, texts, formats, false, view?.machines ?? []);
    if (told) setFeedback({ ...told, label: texts.scans.earlier(formats.time(read.at), told.label) });
  };
  /** A question waits until nothing else is open, and goes when another page has answered it. */
  const ask = (view: View) => {
    const asked = dialog && (dialog.is === "log_on" || dialog.is === "start_where") ? dialog.question : undefined;
    if (asked && isAnswered(asked, view)) setDialog(null);
    if (!question || dialog) return;
    setQuestion(null);
    if (isAnswered(question, view)) return;
    const { order } = question;
    if (order.job === "asks_for_machine") setDialog({ is: "start_where", order, question });
    else setDialog({ is: "log_on", afterwards: (number) => startJob(number, order), question });
  };

  // The listeners live as long as the page; what they call is the latest.
  const latest = useRef({ scanned, view, finished, tell, ask });
  latest.current = { scanned, view, finished, tell, ask };
  useEffect(() => {
    if (view) latest.current.tell(view);
  }, [view]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: looked at again when one of them changed
  useEffect(() => {
    if (view) latest.current.ask(view);
  }, [view, dialog, question]);
  useEffect(() => {
    outbox.onLate(({ key, label }, outcome) => latest.current.finished(key, label, outcome, true));
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
