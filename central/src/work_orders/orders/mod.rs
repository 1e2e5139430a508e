//! What is to be made: its product, for which machine, how many, by when.

pub mod store;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

pub use self::store::{import, list};
use super::routes::{NewWorkOrder, WorkOrder, WorkOrderChange};
use crate::master_data::change::{Resource, refuse_faults};
use crate::master_data::list::Filter;
use crate::master_data::text::{self, Fault, Faults};
use crate::web::problem::Problem;

const QUANTITY_MAX: i64 = 1_000_000_000_000;

/// Work orders, as [`Resource`].
#[derive(Debug)]
pub struct WorkOrders;

/// What orders name and a plant has.
#[derive(Debug)]
pub struct References {
    products: HashSet<String>,
    machines: HashSet<String>,
}

impl References {
    pub async fn read(
        connection: &mut PgConnection,
        plant_id: i32,
        orders: &[NewWorkOrder],
    ) -> sqlx::Result<References> {
        let products: Vec<&str> = orders.iter().map(|order| order.product.as_str()).collect();
        let machines: Vec<&str> = orders.iter().filter_map(|order| order.machine.as_deref()).collect();
        References::of(connection, plant_id, &products, &machines).await
    }

    async fn of(
        connection: &mut PgConnection,
        plant_id: i32,
        products: &[&str],
        machines: &[&str],
    ) -> sqlx::Result<References> {
        let products = store::known_products(connection, plant_id, products).await?;
        let machines = store::known_machines(connection, plant_id, machines).await?;
        Ok(References { products: products.into_iter().collect(), machines: machines.into_iter().collect() })
    }

    #[must_use]
    pub fn faults(&self, order: &NewWorkOrder) -> Vec<Fault> {
        self.missing(&order.product, order.machine.as_deref()).0
    }

    fn missing(&self, product: &str, machine: Option<&str>) -> Faults {
        let mut faults = Faults::default();
        if !self.products.contains(product) {
            faults.0.push(("product", format!("this plant has no product {product:?}: create it first")));
        }
        if let Some(machine) = machine.filter(|machine| !self.machines.contains(*machine)) {
            faults.0.push(("machine", format!("this plant has no machine {machine:?}")));
        }
        faults
    }
}

impl Resource for WorkOrders {
    const WORD: &'static str = "work_order";
    type Record = WorkOrder;
    type New = NewWorkOrder;
    type Change = WorkOrderChange;

    fn plant(new: &NewWorkOrder) -> &str {
        &new.plant
    }

    fn label(record: &WorkOrder) -> (&str, &str) {
        (&record.plant, &record.code)
    }

    fn faults_of_new(new: &NewWorkOrder) -> Faults {
        let mut faults = Faults::default();
        faults.check("code", text::code(&new.code));
        check(&mut faults, &new.product, new.machine.as_deref(), new.quantity, new.due_at);
        faults
    }

    fn faults_of_change(change: &WorkOrderChange) -> Faults {
        let mut faults = Faults::default();
        check(&mut faults, &change.product, change.machine.as_deref(), change.quantity, change.due_at);
        faults
    }

    fn version(change: &WorkOrderChange) -> i32 {
        change.version
    }

    async fn find(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Option<WorkOrder>> {
        Ok(list(connection, filter).await?.into_iter().next())
    }

    async fn insert(connection: &mut PgConnection, plant_id: i32, new: &NewWorkOrder) -> Result<i32, Problem> {
        refer(connection, plant_id, &new.product, new.machine.as_deref()).await?;
        store::insert(connection, plant_id, new).await
    }

    async fn update(connection: &mut PgConnection, id: i32, change: &WorkOrderChange) -> Result<bool, Problem> {
        let plant_id = store::plant_of(connection, id).await?;
        refer(connection, plant_id, &change.product, change.machine.as_deref()).await?;
        Ok(store::update(connection, id, change).await?)
    }

    async fn referrers(connection: &mut PgConnection, id: i32) -> sqlx::Result<Vec<String>> {
        let worked = store::is_worked_on(connection, id).await?;
        Ok(worked.then(|| "work that was done on it: close it instead".to_owned()).into_iter().collect())
    }

    async fn delete(connection: &mut PgConnection, id: i32) -> sqlx::Result<()> {
        store::delete(connection, id).await
    }
}

fn check(
    faults: &mut Faults,
    product: &str,
    machine: Option<&str>,
    quantity: Option<i64>,
    due_at: Option<DateTime<Utc>>,
) {
    faults.check("product", text::code(product));
    faults.check("machine", machine.map_or(Ok(()), text::name));
    faults.check("quantity", text::within(quantity, 0, QUANTITY_MAX));
    faults.check("due_at", due_at.map_or(Ok(()), text::this_age));
}

async fn refer(
    connection: &mut PgConnection,
    plant_id: i32,
    product: &str,
    machine: Option<&str>,
) -> Result<(), Problem> {
    let machines: Vec<&str> = machine.into_iter().collect();
    let known = References::of(connection, plant_id, &[product], &machines).await?;
    refuse_faults(known.missing(product, machine).0)
}
