/** What other records a field can name, as far as what was typed says. */
import { answer, api } from "../../../api/client.ts";
import type { Suggest } from "../form/fields.ts";

const query = (plant: string, q: string) => ({ plant, limit: 20, ...(q !== "" && { q }) });

export const suggestProducts: Suggest = async (plant, text, signal) => {
  const params = { query: { ...query(plant, text), active: true } };
  const { products } = await answer(api.GET("/products", { params, signal }));
  return products.map((product) => ({ value: product.code, label: product.title }));
};

export const suggestMachines: Suggest = async (plant, text, signal) => {
  const found = await answer(api.GET("/machine-settings", { params: { query: query(plant, text) }, signal }));
  return found.machine_settings.map((machine) => ({ value: machine.name, label: machine.title }));
};

export const suggestLines: Suggest = async (plant, text, signal) => {
  const { lines } = await answer(api.GET("/lines", { params: { query: query(plant, text) }, signal }));
  return lines.map((line) => ({ value: line.name, label: line.title }));
};

export const suggestTimeZones: Suggest = async (_, text) =>
  Intl.supportedValuesOf("timeZone")
    .filter((zone) => zone.toLowerCase().includes(text.toLowerCase()))
    .slice(0, 50)
    .map((zone) => ({ value: zone, label: "" }));
