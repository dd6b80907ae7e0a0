"""Refused events about packages and retention."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from artifactstore import events as ev
from tests.property.propose_packages import seal_of
from tests.property.spoilers import Fields, Maker, about_package, redirect, tweak
from tests.property.world import WHY, Package, World

BAD_PURLS = (
    "pkg:generic",
    "generic/x@1",
    "pkg:Generic/x@1",
    "pkg:generic/x y@1",
    "pkg:generic/x%2Fy/z",
    "pkg:generic/%FF/x",
    "pkg:generic/x@%FF",
    "pkg:generic/x%00",
    "pkg:generic/%FF",
    "pkg:generic/../x",
    "pkg:generic/é",
    "pkg:generic/\u212a",
    "pkg:generıc/x",
    "pkg:generic/x@1\n",
)
_MICROSECOND = timedelta(microseconds=1)


def _taken_purl(world: World, _: Any) -> Fields | None:
    package = world.pick(world.packages)
    return None if package is None else {"purl": package.purl}


def _not_future(world: World, _: Any) -> Fields:
    return {"retention": ev.Retention(mode="governance", until=world.now)}


def _taken_package(world: World) -> Any:
    package = world.pick(world.packages)
    return None if package is None else package.id


def _too_many_labels(_: World, package: Package) -> ev.Event:
    return ev.PackageLabeled(set={f"{n}": "" for n in range(257 - len(package.labels))})


def _no_new_label(world: World, package: Package) -> ev.Event:
    return ev.PackageLabeled(
        set=world.rng.choice((None, package.labels)), unset=world.rng.choice((None, ("Never",)))
    )


def _other_seal(field: str) -> Callable[[World, Package], ev.Event]:
    def event(world: World, package: Package) -> ev.Event:
        seal = seal_of(package)
        wrong: Fields = {
            field: getattr(seal, field) + world.rng.choice((-1, 1) if field == "as_of" else (1,))
        }
        return replace(seal, **wrong)

    return event


def _any_seal(_: World, package: Package) -> ev.Event:
    return (
        seal_of(package)
        if package.live_files()
        else ev.PackageSealed(manifest_digest=bytes(32), file_count=0, total_bytes=0, as_of=0)
    )


ALIVE = ("open", "sealed")


def _protected(mode: str, *states: str) -> Callable[[World, Package], bool]:
    return lambda world, one: (
        one.state in states and not one.held() and one.retained(world.now) and one.mode == mode
    )


def _held(*states: str) -> Callable[[World, Package], bool]:
    return lambda _, one: one.state in states and one.held()


def _delete(bypass: bool) -> Callable[[World, Package], ev.Event]:
    return lambda world, _: ev.PackageDeleted(
        reason=WHY, bypass_governance=bypass or world.rng.choice((None, False))
    )


def _purge(bypass: bool) -> Callable[[World, Package], ev.Event]:
    return lambda world, one: ev.PackagePurged(
        reason=WHY,
        file_count=len(one.live_files()),
        bypass_governance=bypass or world.rng.choice((None, False)),
    )


def _other_count(world: World, event: Any) -> Fields:
    return {"file_count": event.file_count + (1 if event.file_count == 0 else world.rng.choice((-1, 1)))}


PACKAGE_SPOILERS: Mapping[str, Maker] = {
    "package.created id-taken": redirect("v1.package.created", "id-taken", _taken_package),
    **{
        f"package.created invalid-purl, {purl!a}": tweak(
            "v1.package.created", "invalid-purl", lambda *_, purl=purl: {"purl": purl}
        )
        for purl in BAD_PURLS
    },
    "package.created name-taken": tweak("v1.package.created", "name-taken", _taken_purl),
    "package.created not-future": tweak("v1.package.created", "not-future", _not_future),
    "package.labeled purged": about_package(
        "purged", lambda _, one: one.state == "purged", lambda *_: ev.PackageLabeled(set={"new": "x"})
    ),
    "package.labeled nothing-to-do": about_package(
        "nothing-to-do", lambda _, one: one.state != "purged", _no_new_label
    ),
    "package.labeled too-large": about_package(
        "too-large", lambda _, one: one.state != "purged" and len(one.labels) > 0, _too_many_labels
    ),
    "package.sealed not-open": about_package("not-open", lambda _, one: one.state != "open", _any_seal),
    "package.sealed empty": about_package(
        "empty", lambda _, one: one.state == "open" and not one.live_files(), _any_seal
    ),
    **{
        f"package.sealed manifest-changed, {field}": about_package(
            "manifest-changed",
            lambda _, one: one.state == "open" and one.live_files() != [],
            _other_seal(field),
        )
        for field in ("file_count", "total_bytes", "as_of")
    },
    "package.yanked no-change": about_package(
        "no-change", lambda _, one: one.state != "sealed", lambda *_: ev.PackageYanked(reason=WHY)
    ),
    "package.yanked no-change, again": about_package(
        "no-change",
        lambda _, one: one.state == "sealed" and one.yanked,
        lambda *_: ev.PackageYanked(reason=WHY),
    ),
    "package.unyanked no-change": about_package(
        "no-change", lambda _, one: one.state != "sealed", lambda *_: ev.PackageUnyanked(reason=WHY)
    ),
    "package.unyanked no-change, again": about_package(
        "no-change",
        lambda _, one: one.state == "sealed" and not one.yanked,
        lambda *_: ev.PackageUnyanked(reason=WHY),
    ),
    "package.deleted wrong-state": about_package(
        "wrong-state", lambda _, one: one.state not in ALIVE, _delete(False)
    ),
    "package.deleted legal-hold": about_package("legal-hold", _held(*ALIVE), _delete(True)),
    "package.deleted retention-active, governance": about_package(
        "retention-active", _protected("governance", *ALIVE), _delete(False)
    ),
    "package.deleted retention-active, compliance": about_package(
        "retention-active", _protected("compliance", *ALIVE), _delete(True)
    ),
    "package.restored wrong-state": about_package(
        "wrong-state", lambda _, one: one.state != "deleted", lambda *_: ev.PackageRestored(reason=WHY)
    ),
    "package.purged wrong-state": about_package(
        "wrong-state", lambda _, one: one.state != "deleted", _purge(False)
    ),
    "package.purged manifest-changed": tweak("v1.package.purged", "manifest-changed", _other_count),
    "package.purged legal-hold": about_package("legal-hold", _held("deleted"), _purge(True)),
    "package.purged retention-active, governance": about_package(
        "retention-active", _protected("governance", "deleted"), _purge(False)
    ),
    "package.purged retention-active, compliance": about_package(
        "retention-active", _protected("compliance", "deleted"), _purge(True)
    ),
}
