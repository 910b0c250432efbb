"""States and outcomes in words."""

from collections.abc import Mapping

from delivery.model import (
    AnnouncementState,
    BroadcastState,
    DeliveryState,
    OccurrenceState,
    Outcome,
    ScheduleState,
    Stage,
)

__all__ = ["ANNOUNCEMENT", "BROADCAST", "DELIVERY", "OCCURRENCE", "OUTCOME", "PAUSED", "SCHEDULE", "STAGE"]

ANNOUNCEMENT: Mapping[AnnouncementState, str] = {
    AnnouncementState.DRAFT: "черновик",
    AnnouncementState.AWAITING_APPROVAL: "на согласовании",
    AnnouncementState.SCHEDULED: "запланировано",
    AnnouncementState.RUNNING: "отправляется",
    AnnouncementState.SETTLED: "отправлено",
    AnnouncementState.CANCELLED: "отменено",
}

PAUSED = "приостановлено"
"""Said of an announcement under way whose broadcast is paused; programs are told "running"."""

STAGE: Mapping[Stage, str] = {
    Stage.DRAFT: "Это черновик: он ещё никуда не отправлен.",
    Stage.AWAITING_APPROVAL: "Объявление ждёт согласования. Отправить его можно после одобрения.",
    Stage.APPROVED: "Объявление одобрено. Теперь его можно отправить.",
    Stage.CONFIRMED: "Объявление уже отправлено или запланировано.",
    Stage.CANCELLED: "Объявление отменено.",
}

BROADCAST: Mapping[BroadcastState, str] = {
    BroadcastState.RUNNING: "отправляется",
    BroadcastState.PAUSED: "приостановлена",
    BroadcastState.SETTLED: "завершена",
    BroadcastState.CANCELLED: "остановлена",
}

DELIVERY: Mapping[DeliveryState, str] = {
    DeliveryState.QUEUED: "ждёт очереди",
    DeliveryState.SENDING: "отправляется",
    DeliveryState.SENT: "отправлено",
    DeliveryState.FAILED: "не дошло",
    DeliveryState.UNCONFIRMED: "неизвестно, дошло ли",
    DeliveryState.CANCELLED: "отменено",
    DeliveryState.RETURNED: "вернулось",
}

OUTCOME: Mapping[Outcome, str] = {
    Outcome.SENT: "принято",
    Outcome.DEFERRED: "отложено до следующей попытки",
    Outcome.REJECTED: "отказ",
    Outcome.UNCONFIRMED: "ответ не пришёл",
    Outcome.CLOSED: "канал недоступен, попытка не считается",
    Outcome.SETTLED_SENT: "человек подтвердил: вышло",
    Outcome.SETTLED_NOT_SENT: "человек подтвердил: не вышло",
    Outcome.RETURNED: "письмо вернулось",
    Outcome.COMPLAINED: "получатель пожаловался на спам",
}

SCHEDULE: Mapping[ScheduleState, str] = {
    ScheduleState.ACTIVE: "действует",
    ScheduleState.PAUSED: "на паузе",
    ScheduleState.FINISHED: "завершено",
    ScheduleState.REMOVED: "удалено",
}

OCCURRENCE: Mapping[OccurrenceState, str] = {
    OccurrenceState.RELEASED: "вышло по расписанию",
    OccurrenceState.MISSED: "пропущено: в это время Рупор был выключен дольше часа",
    OccurrenceState.BLOCKED: "не вышло: объявление нельзя было отправить",
}
