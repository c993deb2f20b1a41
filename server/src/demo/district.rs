//! What the demo district consists of. Nobody and no place in it is real.

use sync_protocol::Value;

pub const NAME: &str = "示例区";
/// Written by a supervisor whose duty at the school had ended when it came.
pub const LATE_NOTE: &str = "课间楼梯口增派一名值守教师，错峰下楼。";
/// A number that cannot be dialled.
pub const OFFICE_PHONE: &str = "000-0000-0000";

pub const ZONES: [&str; 5] = ["第一责任区", "第二责任区", "第三责任区", "第四责任区", "第五责任区"];

/// Somebody who works in the district.
pub struct Person {
    pub login: &'static str,
    /// Shown on the sign-in page; people without one cannot sign in.
    pub password: Option<&'static str>,
    pub name: &'static str,
    pub roles: &'static [&'static str],
    /// Index into [`ZONES`].
    pub zone: Option<usize>,
}

const fn supervisor(login: &'static str, password: Option<&'static str>, name: &'static str, zone: usize) -> Person {
    Person {
        login,
        password,
        name,
        roles: &["supervisor"],
        zone: Some(zone),
    }
}

pub const PEOPLE: [Person; 9] = [
    supervisor("zhang", Some("demo-zhang-1"), "张督学", 0),
    supervisor("li", Some("demo-li-2"), "李督学", 0),
    supervisor("wang", Some("demo-wang-3"), "王督学", 1),
    Person {
        login: "chen",
        password: Some("demo-chen-4"),
        name: "陈主任",
        roles: &["zone_lead"],
        zone: Some(0),
    },
    Person {
        login: "zhou",
        password: Some("demo-zhou-5"),
        name: "周协调员",
        roles: &["coordinator"],
        zone: None,
    },
    Person {
        login: "admin",
        password: Some("demo-admin-6"),
        name: "系统管理员",
        roles: &["admin"],
        zone: None,
    },
    supervisor("zhao", None, "赵督学", 2),
    supervisor("sun", None, "孙督学", 3),
    supervisor("wu", None, "吴督学", 4),
];

/// A school and what decides which questions are asked there.
pub struct School {
    pub name: &'static str,
    pub code: &'static str,
    pub kind: &'static str,
    /// Index into [`ZONES`].
    pub zone: usize,
    pub bands: &'static [&'static str],
    pub students: i64,
    pub boarders: i64,
    pub classes: i64,
    pub meal_mode: &'static str,
    /// Of `lab bus control_room works special_equipment`, those it has.
    pub has: &'static [&'static str],
    pub notice: &'static str,
    /// How many problems a visit usually finds.
    pub problems: usize,
}

impl School {
    /// The fields that a response copies as its facts.
    pub fn facts(&self) -> Vec<(&'static str, Value)> {
        let has = |what: &str| Value::Bool(self.has.contains(&what));
        vec![
            (
                "bands",
                Value::List(self.bands.iter().map(|band| Value::from(*band)).collect()),
            ),
            ("students", self.students.into()),
            ("boarders", self.boarders.into()),
            ("meal_mode", self.meal_mode.into()),
            ("has_lab", has("lab")),
            ("has_bus", has("bus")),
            ("has_control_room", has("control_room")),
            ("has_works", has("works")),
            ("has_special_equipment", has("special_equipment")),
        ]
    }
}

const PRIMARY: &[&str] = &["P12", "P36"];
const JUNIOR: &[&str] = &["J"];

const fn school(code: &'static str, name: &'static str, kind: &'static str, zone: usize) -> School {
    School {
        name,
        code,
        kind,
        zone,
        bands: PRIMARY,
        students: 0,
        boarders: 0,
        classes: 0,
        meal_mode: "self",
        has: &["control_room"],
        notice: "",
        problems: 2,
    }
}

pub const SCHOOLS: [School; 12] = [
    School {
        students: 942,
        classes: 24,
        meal_mode: "contracted",
        ..school("SL-101", "示例区第一小学", "primary", 0)
    },
    School {
        students: 1118,
        classes: 28,
        meal_mode: "delivered",
        problems: 1,
        ..school("SL-102", "示例区第二小学", "primary", 1)
    },
    School {
        students: 868,
        classes: 22,
        problems: 1,
        ..school("SL-103", "示例区第三小学", "primary", 0)
    },
    School {
        students: 456,
        classes: 12,
        has: &[],
        notice: "村口路窄，请步行进校。",
        problems: 8,
        ..school("SL-104", "示例区第四小学", "primary", 2)
    },
    School {
        students: 1540,
        classes: 38,
        has: &["control_room", "special_equipment"],
        problems: 4,
        ..school("SL-105", "示例区第五小学", "primary", 3)
    },
    School {
        bands: &["P12", "P36", "J"],
        students: 2310,
        classes: 54,
        has: &["lab", "bus", "control_room", "special_equipment"],
        problems: 1,
        ..school("SL-201", "示例区实验学校", "nine_year", 1)
    },
    School {
        bands: &["J", "S"],
        students: 2460,
        boarders: 620,
        classes: 48,
        has: &["lab", "control_room", "special_equipment"],
        ..school("SL-202", "示例区第一中学", "complete", 1)
    },
    School {
        bands: JUNIOR,
        students: 1286,
        classes: 30,
        has: &["lab", "control_room"],
        notice: "东门外修路，走南门。",
        problems: 3,
        ..school("SL-203", "示例区第二中学", "junior", 0)
    },
    School {
        bands: JUNIOR,
        students: 734,
        boarders: 210,
        classes: 18,
        has: &["lab", "works"],
        notice: "食堂翻建，午餐在体育馆。",
        problems: 11,
        ..school("SL-204", "示例区第三中学", "junior", 2)
    },
    School {
        bands: &["K"],
        students: 312,
        classes: 12,
        has: &["bus"],
        problems: 1,
        ..school("SL-301", "示例区中心幼儿园", "kindergarten", 3)
    },
    School {
        bands: &["P12", "P36", "J"],
        students: 126,
        boarders: 38,
        classes: 11,
        has: &["bus", "special_equipment"],
        problems: 1,
        ..school("SL-302", "示例区特教学校", "special", 4)
    },
    School {
        bands: &["S"],
        students: 1875,
        boarders: 940,
        classes: 42,
        has: &["lab", "control_room", "special_equipment"],
        problems: 6,
        ..school("SL-303", "示例区职业学校", "vocational", 4)
    },
];
