import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, it } from "vitest";
import { lookAgain } from "./look-again.ts";

/** Asks for what `truth.now` was when it was asked; answers when told to. */
function slowQuestion() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 60_000 } } });
  const truth = { now: 1 };
  const answers: (() => void)[] = [];
  const observer = new QueryObserver(queries, {
    queryKey: ["stops", "all"],
    queryFn: async () => {
      const seen = truth.now;
      await new Promise<void>((resolve) => answers.push(resolve));
      if (seen < 0) throw new Error("not answered");
      return seen;
    },
  });
  observer.subscribe(() => undefined);
  const answer = async () => {
    answers.shift()?.();
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { queries, truth, answers, answer, shown: () => observer.getCurrentResult().data };
}

const STOPS = { queryKey: ["stops"] };

it("what changed while the first answer was under way is asked for after it", async () => {
  const { queries, truth, answers, answer, shown } = slowQuestion();
  truth.now = 2;
  lookAgain(queries, STOPS);
  await answer();
  expect(shown()).toBe(1);
  await answer();
  expect(shown()).toBe(2);
  expect(answers).toEqual([]);
});

it("a slow answer is not abandoned, however often something changes, and is asked for once more in all", async () => {
  const { queries, truth, answers, answer, shown } = slowQuestion();
  await answer();
  for (truth.now = 2; truth.now < 10; truth.now += 1) lookAgain(queries, STOPS);
  expect(answers).toHaveLength(1);
  await answer();
  expect(shown()).toBe(2);
  expect(answers).toHaveLength(1);
  await answer();
  expect(shown()).toBe(10);
  expect(answers).toEqual([]);
});

it("an answer that failed is asked for again too", async () => {
  const { queries, truth, answer, shown } = slowQuestion();
  await answer();
  truth.now = -1;
  lookAgain(queries, STOPS);
  truth.now = 3;
  lookAgain(queries, STOPS);
  await answer();
  await answer();
  expect(shown()).toBe(3);
});

it("what is of another topic is let be", async () => {
  const { queries, answers, answer } = slowQuestion();
  await answer();
  lookAgain(queries, { queryKey: ["work"] });
  expect(answers).toEqual([]);
});
