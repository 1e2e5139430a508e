//! Imports from CSV: everything or nothing, in one statement, so that agents are sent one new revision.
//!
//! The first line names the columns, in any order. Cells are separated by commas or semicolons, whichever the first line
//! has; a byte order mark is skipped: what spreadsheet programs export is taken as it is. Every fault is named by line and
//! column. Rows that are there already are brought to what the file says, rows that the file does not name stay: the
//! same file can be imported again.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{StatusCode, header};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, Transaction};

use super::Editing;
use super::change::{self, Resource};
use super::text::Fault;
use crate::auth::{Permission, Principal};
use crate::plants::{self, store::Plant};
use crate::web::problem::Problem;

pub const ROWS_MAX: usize = 10_000;
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Faults that one answer names.
const FAULTS_MAX: usize = 20;

/// Imports are larger than other bodies.
pub fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BODY_BYTES_MAX)
}

/// The default of a flag.
#[must_use]
pub fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportParameters {
    /// Name of the plant.
    #[param(max_length = 64)]
    plant: String,
    /// Says what would be done, and does nothing.
    #[serde(default)]
    dry_run: bool,
}

impl ImportParameters {
    #[must_use]
    pub fn plant(&self) -> &str {
        &self.plant
    }
}

/// What an import did, or with `dry_run` would have done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Imported {
    pub dry_run: bool,
    pub rows: usize,
    pub created: usize,
    pub replaced: usize,
    pub unchanged: usize,
}

/// A row that an import created or replaced.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct Written {
    created: bool,
}

impl Imported {
    #[must_use]
    pub fn of(rows: usize, written: &[Written]) -> Imported {
        let created = written.iter().filter(|row| row.created).count();
        let replaced = written.len() - created;
        Imported { dry_run: false, rows, created, replaced, unchanged: rows - created - replaced }
    }
}

/// A body that is CSV.
#[derive(Debug)]
pub struct Csv(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Csv {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Csv, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case("text/csv")) {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "expected a body of type text/csv"));
        }
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Csv(bytes)),
            Err(rejection) => Err(Problem::new(rejection.status(), rejection.body_text())),
        }
    }
}

/// A column that an import knows.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    name: &'static str,
    required: bool,
}

impl Column {
    #[must_use]
    pub const fn required(name: &'static str) -> Column {
        Column { name, required: true }
    }

    #[must_use]
    pub const fn optional(name: &'static str) -> Column {
        Column { name, required: false }
    }
}

/// The file, and what is wrong with it so far.
#[derive(Debug)]
pub struct Sheet {
    /// Where a row has the column.
    columns: HashMap<&'static str, usize>,
    rows: Vec<csv::StringRecord>,
    faults: Vec<String>,
}

/// One row, while it is read.
#[derive(Debug)]
pub struct Row<'s> {
    columns: &'s HashMap<&'static str, usize>,
    cells: &'s csv::StringRecord,
    faults: Vec<Fault>,
}

impl Sheet {
    pub fn read(body: &[u8], known: &[Column], rows_max: usize) -> Result<Sheet, Problem> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let head = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let semicolons = head.contains(&b';') && !head.contains(&b',');
        let mut reader = csv::ReaderBuilder::new().delimiter(if semicolons { b';' } else { b',' }).from_reader(body);
        let columns = columns(reader.headers().map_err(|error| unreadable(&error))?, known)?;
        let mut rows = Vec::new();
        for row in reader.records() {
            if rows.len() == rows_max {
                return Err(Problem::bad_request(format!("more than {rows_max} rows: split the file")));
            }
            rows.push(row.map_err(|error| unreadable(&error))?);
        }
        if rows.is_empty() {
            return Err(Problem::bad_request("the file has no row beside the names of the columns"));
        }
        Ok(Sheet { columns, rows, faults: Vec::new() })
    }

    /// Reads every row as a new record, by the rules of one that is created.
    pub fn rows<R: Resource>(&mut self, read: impl Fn(&mut Row<'_>) -> R::New) -> Vec<R::New> {
        self.rows_by(read, |new| R::faults_of_new(new).0)
    }

    /// The same for what has rules of its own.
    pub fn rows_by<T>(&mut self, read: impl Fn(&mut Row<'_>) -> T, faults: impl Fn(&T) -> Vec<Fault>) -> Vec<T> {
        let mut found = Vec::with_capacity(self.rows.len());
        let mut said = Vec::new();
        for cells in &self.rows {
            let mut row = Row { columns: &self.columns, cells, faults: Vec::new() };
            let new = read(&mut row);
            row.faults.extend(faults(&new));
            said.extend(row.faults.iter().map(|(column, text)| spell(line_of(cells), column, text)));
            found.push(new);
        }
        self.faults.append(&mut said);
        found
    }

    /// Names a fault of a row that was found beyond the row itself.
    pub fn fault(&mut self, row: usize, column: &str, text: &str) {
        let line = self.rows.get(row).map_or(0, line_of);
        self.faults.push(spell(line, column, text));
    }

    /// Names rows whose key another row has too; rows without a key are passed over.
    pub fn refuse_twice<'k>(&mut self, column: &str, keys: impl Iterator<Item = Option<&'k str>>) {
        let mut seen: HashMap<&str, u64> = HashMap::new();
        let mut faults = Vec::new();
        for (key, cells) in keys.zip(&self.rows) {
            let Some(key) = key else { continue };
            let line = line_of(cells);
            if let Some(first) = seen.insert(key, line) {
                faults.push(spell(line, column, &format!("{key:?} is in line {first} already")));
            }
        }
        self.faults.append(&mut faults);
    }

    /// All that is wrong, in one answer.
    pub fn refuse_faults(&self) -> Result<(), Problem> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let mut text = self.faults[..self.faults.len().min(FAULTS_MAX)].join("\n");
        if self.faults.len() > FAULTS_MAX {
            text.push_str(&format!("\nand {} more", self.faults.len() - FAULTS_MAX));
        }
        Err(Problem::bad_request(text))
    }
}

fn spell(line: u64, column: &str, text: &str) -> String {
    format!("line {line}, column {column}: {text}")
}

fn line_of(cells: &csv::StringRecord) -> u64 {
    cells.position().map_or(0, csv::Position::line)
}

fn columns(head: &csv::StringRecord, known: &[Column]) -> Result<HashMap<&'static str, usize>, Problem> {
    let names: Vec<&str> = known.iter().map(|column| column.name).collect();
    let mut columns = HashMap::new();
    for (at, name) in head.iter().enumerate() {
        let name = name.trim();
        let Some(column) = known.iter().find(|column| column.name == name) else {
            let expected = names.join(", ");
            return Err(Problem::bad_request(format!("line 1: {name:?} is no column: expected {expected}")));
        };
        if columns.insert(column.name, at).is_some() {
            return Err(Problem::bad_request(format!("line 1: the column {name} is there twice")));
        }
    }
    match known.iter().find(|column| column.required && !columns.contains_key(column.name)) {
        Some(missing) => Err(Problem::bad_request(format!("line 1: the column {} is missing", missing.name))),
        None => Ok(columns),
    }
}

fn unreadable(error: &csv::Error) -> Problem {
    let line = |position: &Option<csv::Position>| position.as_ref().map_or(0, csv::Position::line);
    Problem::bad_request(match error.kind() {
        csv::ErrorKind::Utf8 { pos, err } => {
            let column = err.field() + 1;
            format!("line {}, column {column}: not UTF-8: save the file as \"CSV UTF-8\"", line(pos))
        }
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            format!("line {}: {len} cells, and {expected_len} columns in line 1", line(pos))
        }
        _ => format!("the file is no CSV: {error}"),
    })
}

impl Row<'_> {
    fn cell(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.cells.get(*at)).unwrap_or_default()
    }

    /// Empty where the cell or the column is.
    pub fn text(&mut self, column: &str) -> String {
        self.cell(column).to_owned()
    }

    pub fn optional_text(&mut self, column: &str) -> Option<String> {
        Some(self.cell(column)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub fn number(&mut self, column: &'static str) -> Option<i64> {
        self.parsed(column, "a whole number", |text| text.parse().ok())
    }

    pub fn moment(&mut self, column: &'static str) -> Option<DateTime<Utc>> {
        let parse = |text: &str| Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
        self.parsed(column, "a moment such as 2026-12-24T14:00:00+01:00", parse)
    }

    pub fn flag(&mut self, column: &'static str, default: bool) -> bool {
        let parse = |text: &str| match text {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => None,
        };
        self.parsed(column, "true or false", parse).unwrap_or(default)
    }

    fn parsed<T>(&mut self, column: &'static str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.cell(column).trim();
        if text.is_empty() {
            return None;
        }
        let parsed = parse(text);
        if parsed.is_none() {
            let fault = format!("{text:?} is not {expected}");
            self.faults.push((column, fault));
        }
        parsed
    }
}

/// An import that has passed its own checks.
#[derive(Debug)]
pub struct Import<'e> {
    transaction: Transaction<'e, Postgres>,
    principal: &'e Principal,
    at: DateTime<Utc>,
    pub plant: Plant,
    dry_run: bool,
}

/// Opens the transaction of an import into a plant of the principal's.
pub async fn begin<'e>(
    editing: &'e Editing,
    principal: &'e Principal,
    parameters: &ImportParameters,
) -> Result<Import<'e>, Problem> {
    principal.may(Permission::EditMasterData)?;
    let mut transaction = editing.pool.begin().await?;
    let plant = plants::named(&mut transaction, principal, &parameters.plant).await?;
    Ok(Import { transaction, principal, at: editing.reads.now(), plant, dry_run: parameters.dry_run })
}

impl Import<'_> {
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Records what was written and commits it, or takes it back when it was only to be tried.
    pub async fn finish(mut self, word: &str, imported: Imported) -> Result<Json<Imported>, Problem> {
        let imported = Imported { dry_run: self.dry_run, ..imported };
        if self.dry_run {
            self.transaction.rollback().await?;
            return Ok(Json(imported));
        }
        let detail = serde_json::json!(imported);
        let subject = (self.plant.name.as_str(), "");
        change::record(&mut self.transaction, (self.at, self.principal), (word, "import"), subject, detail).await?;
        self.transaction.commit().await?;
        Ok(Json(imported))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Column] = &[Column::required("code"), Column::optional("quantity")];

    fn problem(body: &[u8]) -> String {
        let faults = |body| -> Result<(), Problem> {
            let mut sheet = Sheet::read(body, KNOWN, 3)?;
            let rows = sheet.rows_by(|row| (row.text("code"), row.number("quantity")), |_| Vec::new());
            sheet.refuse_twice("code", rows.iter().map(|(code, _)| Some(code.as_str())));
            sheet.refuse_faults()
        };
        faults(body).err().map(|problem| format!("{problem:?}")).unwrap_or_default()
    }

    #[test]
    fn spreadsheets_are_read_as_they_export() {
        for body in [
            &b"code,quantity\nA,1\nB,\n"[..],
            b"\xef\xbb\xbfcode;quantity\r\nA;1\r\nB;\r\n",
            b"quantity , code\n1,A\n,B",
            b"code,quantity\n\"A\",\"1\"\n\"B\",\"\"\n",
        ] {
            let mut sheet = Sheet::read(body, KNOWN, 10).unwrap();
            let rows = sheet.rows_by(|row| (row.text("code"), row.number("quantity")), |_| Vec::new());
            assert_eq!(rows, [("A".to_owned(), Some(1)), ("B".to_owned(), None)]);
            assert!(sheet.refuse_faults().is_ok());
        }
    }

    #[test]
    fn faults_are_named_by_line_and_column() {
        for (body, expected) in [
            (&b""[..], "code is missing"),
            (b"code\n", "no row"),
            (b"quantity\n1\n", "column code is missing"),
            (b"code,size\nA,1\n", "\\\"size\\\" is no column: expected code, quantity"),
            (b"code,code\nA,A\n", "twice"),
            (b"code,quantity\nA,1\nB,many\n", "line 3, column quantity: \\\"many\\\" is not a whole number"),
            (b"code,quantity\nA,1\nB\n", "line 3: 1 cells, and 2 columns"),
            (b"code\nA\n\xff\n", "line 3, column 1: not UTF-8"),
            (b"code\nA\nB\nA\n", "line 4, column code: \\\"A\\\" is in line 2 already"),
            (b"code\nA\nB\nC\nD\n", "more than 3 rows"),
        ] {
            let found = problem(body);
            assert!(found.contains(expected), "{expected}: {found}");
        }
        assert_eq!(problem(b"code\nA\n"), "");
    }
}
