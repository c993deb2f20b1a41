//! SQL whose text never changes, prepared once a connection: what [`diesel::sql_query`] writes is parsed and planned at every use.

use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};

/// A statement with its values so far.
#[must_use = "it does nothing until it is loaded or executed"]
pub struct Prepared<B = Nothing> {
    sql: &'static str,
    binds: B,
}

/// The statement `sql`, in which `$1` and so on stand for the values bound in turn.
pub fn prepared(sql: &'static str) -> Prepared {
    Prepared { sql, binds: Nothing }
}

impl<B> Prepared<B> {
    /// The next value, of SQL type `T`.
    pub fn bind<T, V>(self, value: V) -> Prepared<Bound<B, T, V>> {
        Prepared {
            sql: self.sql,
            binds: Bound {
                before: self.binds,
                value,
                as_type: PhantomData,
            },
        }
    }
}

/// No value yet.
pub struct Nothing;

/// A value after others.
pub struct Bound<B, T, V> {
    before: B,
    value: V,
    as_type: PhantomData<T>,
}

/// Values in their order.
pub trait Binds {
    /// Hands each to the statement.
    fn walk<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

impl Binds for Nothing {
    fn walk<'b>(&'b self, _: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        Ok(())
    }
}

impl<B: Binds, T, V: ToSql<T, Pg>> Binds for Bound<B, T, V>
where
    Pg: HasSqlType<T>,
{
    fn walk<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.before.walk(out)?;
        out.push_bind_param::<T, V>(&self.value)
    }
}

impl<B: Binds> QueryFragment<Pg> for Prepared<B> {
    /// The places that diesel gives to the values go into a comment, for the text has its own.
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("/* ");
        self.binds.walk(&mut out)?;
        out.push_sql(" */ ");
        out.push_sql(self.sql);
        Ok(())
    }
}

impl<B> QueryId for Prepared<B> {
    type QueryId = ();
    /// Found again by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<B> Query for Prepared<B> {
    type SqlType = Untyped;
}
