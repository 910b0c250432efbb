"""A small VKontakte without a network: communities, keys, walls, and what the API methods do to them.

Who may call what follows the published descriptions and, where those are known to be wrong, public reports: a
community key may post to its wall and upload documents, and gets error 27 for reading the wall or uploading photos.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sandbox.vk import spec, things
from sandbox.vk.shown import community_object, media_object, post_object
from sandbox.vk.things import Community, Media, MediaKind, Token, Upload, Uploaded, WallPost, plain

GUID_LIVES = timedelta(hours=1)
"""How long VK remembers a guid. Source: dev.vk.com, wall.post."""

PICTURES_AND_VIDEOS = 10
FILES = 1
"""How many a post may carry. Source: dev.vk.com, wall.post."""

COMMUNITY_RIGHTS = {"stories": 1, "photos": 4, "app_widget": 64, "messages": 4096, "wall": 8192, "docs": 131072}
COMMUNITY_RIGHTS |= {"manage": 262144}
"""Bits of a community key. Source: groups.getTokenPermissions."""

USER_RIGHTS = {"photos": 4, "video": 16, "wall": 8192, "docs": 131072, "groups": 262144, "stats": 1048576}
"""Bits of a person's token. Source: dev.vk.com, "Права доступа токена пользователя"."""

REFUSED_FILES = (".mp3", ".exe", ".msi", ".bat", ".cmd", ".com", ".scr", ".apk", ".jar", ".sh", ".js", ".vbs")

_NEEDED_RIGHT = {
    "wall.post": "wall",
    "wall.edit": "wall",
    "wall.delete": "wall",
    "docs.getWallUploadServer": "docs",
    "docs.save": "docs",
    "photos.getWallUploadServer": "photos",
    "photos.saveWallPhoto": "photos",
    "video.save": "video",
}
_WITHOUT_PROFILE_RIGHTS = frozenset({"users.get", "groups.getById", "utils.getServerTime"})
CHANGING = frozenset({"wall.post", "wall.edit", "wall.delete", "photos.saveWallPhoto", "docs.save", "video.save"})
"""The methods after which the world is not what it was."""

_ATTACHMENT = re.compile(r"(?P<kind>photo|video|doc)(?P<owner>-?\d+)_(?P<id>\d+)(?:_(?P<access_key>\w+))?")

GuidRepeat = Literal["same", "exact", "error", "new"]
"""What a repeated guid brings: the first post's id, that id if the content is the same, an error, or a new post."""


class VkError(Exception):
    """An error as VK answers it: HTTP 200 and a code."""

    def __init__(self, code: int, text: str = "", **extra: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text or spec.error_text(code)
        self.extra = extra


def wrong_parameter(complaint: str) -> VkError:
    """Return error 100 about one parameter."""
    return VkError(100, f"One of the parameters specified was missing or invalid: {complaint}")


class VkWorld:
    """The state and the rules.

    `guid_repeat` says how a repeated guid is answered, which VK does not document; nor does it say after what time a
    post can't be edited any more: `editable_for`, None for ever.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.guid_repeat: GuidRepeat = "same"
        self.editable_for: timedelta | None = None
        self.communities: dict[int, Community] = {}
        self.tokens: dict[str, Token] = {}
        self.media: dict[str, Media] = {}
        self.upload_url: Callable[[str], str] = lambda ticket: f"/upload/{ticket}"
        self._guids: dict[tuple[int, str], tuple[int, datetime]] = {}
        self._tickets: dict[str, Upload] = {}
        self._uploaded: dict[str, Uploaded] = {}
        self._media_made = 0
        self._methods: dict[str, Callable[[Token, Mapping[str, str]], Any]] = {
            "wall.post": self._wall_post,
            "wall.get": self._wall_get,
            "wall.getById": self._wall_get_by_id,
            "wall.edit": self._wall_edit,
            "wall.delete": self._wall_delete,
            "photos.getWallUploadServer": self._photos_get_wall_upload_server,
            "photos.saveWallPhoto": self._photos_save_wall_photo,
            "docs.getWallUploadServer": self._docs_get_wall_upload_server,
            "docs.save": self._docs_save,
            "video.save": self._video_save,
            "groups.getById": self._groups_get_by_id,
            "groups.getTokenPermissions": self._groups_get_token_permissions,
            "users.get": self._users_get,
            "account.getAppPermissions": self._account_get_app_permissions,
            "utils.getServerTime": self._utils_get_server_time,
        }

    # Calls

    def call(self, method: str, token_text: str, values: Mapping[str, str]) -> Any:
        """Carry out a call whose parameters are well formed. Raises VkError."""
        token = self._authorized(method, token_text)
        action = self._methods.get(method)
        if action is None:
            raise VkError(33, f"Not implemented yet: the stand-in does not play {method}")
        return action(token, values)

    def _authorized(self, method: str, token_text: str) -> Token:
        if not token_text:
            raise VkError(5, "User authorization failed: no access_token passed.")
        token = self.tokens.get(token_text)
        if token is None:
            raise VkError(5, "User authorization failed: invalid access_token (4).")
        if token.ends is not None and self.now() >= token.ends:
            raise VkError(5, "User authorization failed: access_token has expired.")
        if token.from_vk_id and method not in _WITHOUT_PROFILE_RIGHTS:
            raise VkError(1051)
        if token.kind not in spec.token_kinds(method):
            raise {
                "group": VkError(27, "Group authorization failed: method is unavailable with group auth."),
                "service": VkError(28, "Application authorization failed: method is unavailable with service token."),
                "user": VkError(27, "Group authorization failed: method is available only with group auth."),
            }[token.kind]
        right = _NEEDED_RIGHT.get(method)
        if right is not None and right not in token.rights:
            raise VkError(15, "Access denied: no access to call this method. It cannot be called with current scopes.")
        return token

    # Walls

    def _wall_post(self, token: Token, values: Mapping[str, str]) -> dict[str, int]:
        community = self._own_wall(token, values)
        if "publish_date" in values or "post_id" in values:
            raise VkError(33, "Not implemented yet: the stand-in does not play postponed posts")
        text, attachments = self._content(values)
        guid = (community.id, values.get("guid", ""))
        repeated = self._living_guid(guid)
        if repeated is not None and self._known_again(community, repeated, text, attachments):
            return {"post_id": repeated}
        if repeated is not None and self.guid_repeat == "error":
            raise wrong_parameter("guid was already used")
        now = self.now()
        community.posts_made += 1
        from_id = -community.id if token.kind == "group" or values.get("from_group") == "1" else token.owner_id
        source = values.get("copyright", "")
        post = WallPost(community.posts_made, text, attachments, now, from_id, source=source)
        community.posts.append(post)
        if guid[1]:
            self._guids[guid] = (post.id, now)
        return {"post_id": post.id}

    def _wall_edit(self, token: Token, values: Mapping[str, str]) -> dict[str, int]:
        community = self._own_wall(token, values)
        index = self._post_index(community, values)
        now, post = self.now(), community.posts[index]
        if self.editable_for is not None and now - post.date > self.editable_for:
            raise VkError(15, "Access denied: edit time expired")
        text, attachments = self._content(values)
        source = values.get("copyright", "")
        community.posts[index] = replace(post, text=text, attachments=attachments, edited=now, source=source)
        return {"post_id": community.posts[index].id}

    def _wall_delete(self, token: Token, values: Mapping[str, str]) -> int:
        community = self._own_wall(token, values)
        del community.posts[self._post_index(community, values)]
        return 1

    def _wall_get(self, token: Token, values: Mapping[str, str]) -> dict[str, Any]:
        community = self._wall(values)
        if community.closed and community.id not in token.administers:
            raise VkError(15, "Access denied: this wall available only for community members")
        offset, count = int(values.get("offset", 0)), min(int(values.get("count", 20)), 100)
        newest_first = sorted(community.posts, key=lambda post: (post.id == community.pinned, post.id), reverse=True)
        items = [post_object(community, post, self.media) for post in newest_first[offset : offset + count]]
        return {"count": len(newest_first), "items": items}

    def _wall_get_by_id(self, token: Token, values: Mapping[str, str]) -> dict[str, Any]:
        wanted = [tuple(map(int, name.split("_")[:2])) for name in values["posts"].split(",")]
        items = [
            post_object(community, post, self.media)
            for owner_id, post_id in wanted
            if (community := self.communities.get(-owner_id)) is not None
            if not community.closed or community.id in token.administers
            for post in community.posts
            if post.id == post_id
        ]
        return {"items": items}

    def _wall(self, values: Mapping[str, str]) -> Community:
        community = self.communities.get(-int(values.get("owner_id", 0)))
        if community is None:
            raise wrong_parameter("owner_id is invalid")
        return community

    def _own_wall(self, token: Token, values: Mapping[str, str]) -> Community:
        community = self._wall(values)
        if not _may_manage(token, community.id):
            raise VkError(214, "Access to adding post denied: access to the wall is closed")
        return community

    def _post_index(self, community: Community, values: Mapping[str, str]) -> int:
        for index, post in enumerate(community.posts):
            if post.id == int(values["post_id"]):
                return index
        raise VkError(104)

    def _content(self, values: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        text = values.get("message", "")
        attachments = tuple(filter(None, (part.strip() for part in values.get("attachments", "").split(","))))
        if not text and not attachments:
            raise wrong_parameter("message or attachments is undefined")
        kinds = [self._attachment_kind(attachment) for attachment in attachments]
        if kinds.count("link") > 1:
            raise wrong_parameter("attachments has more than one link")
        if kinds.count("photo") + kinds.count("video") > PICTURES_AND_VIDEOS or kinds.count("doc") > FILES:
            raise wrong_parameter("attachments has too many items")
        return text, tuple(_plain_name(attachment) for attachment in attachments)

    def _attachment_kind(self, attachment: str) -> str:
        if attachment.startswith(("http://", "https://")):
            return "link"
        match = _ATTACHMENT.fullmatch(attachment)
        media = self.media.get(_plain_name(attachment))
        if match is None or media is None:
            raise wrong_parameter(f"attachments: {attachment} does not exist")
        if media.owner_id > 0 and match["access_key"] != media.access_key:
            raise wrong_parameter(f"attachments: {attachment} needs its access_key")
        return match["kind"]

    def _living_guid(self, guid: tuple[int, str]) -> int | None:
        post_id, made = self._guids.get(guid, (0, self.now()))
        return post_id if post_id and self.now() - made < GUID_LIVES else None

    def _known_again(self, community: Community, post_id: int, text: str, attachments: tuple[str, ...]) -> bool:
        if self.guid_repeat != "exact":
            return self.guid_repeat == "same"
        return any((post.id, post.text, post.attachments) == (post_id, text, attachments) for post in community.posts)

    # Uploads

    def _photos_get_wall_upload_server(self, token: Token, values: Mapping[str, str]) -> dict[str, Any]:
        owner_id = self._upload_owner(token, values)
        answer = {"album_id": -14, "user_id": token.owner_id, "upload_url": self._new_ticket("photo", owner_id)}
        return answer | ({"group_id": -owner_id} if owner_id < 0 else {})

    def _docs_get_wall_upload_server(self, token: Token, values: Mapping[str, str]) -> dict[str, Any]:
        return {"upload_url": self._new_ticket("doc", self._upload_owner(token, values))}

    def _video_save(self, token: Token, values: Mapping[str, str]) -> dict[str, Any]:
        owner_id = self._upload_owner(token, values)
        self._media_made += 1
        title = values.get("name", "")
        url = self._new_ticket("video", owner_id, self._media_made, title)
        return {"upload_url": url, "video_id": self._media_made, "owner_id": owner_id, "title": title}

    def _upload_owner(self, token: Token, values: Mapping[str, str]) -> int:
        group_id = int(values.get("group_id", 0))
        if group_id == 0:
            return -token.owner_id if token.kind == "group" else token.owner_id
        if group_id not in self.communities:
            raise VkError(125)
        if not _may_manage(token, group_id):
            raise VkError(15, "Access denied: you are not an administrator of this community")
        return -group_id

    def _new_ticket(self, kind: MediaKind, owner_id: int, media_id: int = 0, title: str = "") -> str:
        ticket = secrets.token_hex(12)
        self._tickets[ticket] = Upload(kind=kind, owner_id=owner_id, media_id=media_id, title=title)
        return self.upload_url(ticket)

    def ticket(self, ticket: str) -> Upload | None:
        """Return what may be put at this place of the upload server."""
        return self._tickets.get(ticket)

    def put(self, upload: Upload, file_name: str, mime_type: str, content: bytes) -> dict[str, Any]:
        """Take an upload and answer as the upload server does: with words to hand to the method that saves it."""
        receipt = secrets.token_hex(12)
        uploaded = Uploaded(upload=upload, file_name=file_name, mime_type=mime_type, content=content)
        match upload.kind:
            case "photo":
                if not content.startswith((b"\xff\xd8", b"\x89PNG", b"GIF8")):
                    return refused_upload("photo")
                self._uploaded[receipt] = uploaded
                return {"server": 1, "photo": f'[{{"photo":"{receipt}"}}]', "hash": receipt[:8]}
            case "doc":
                if not content or file_name.lower().endswith(REFUSED_FILES):
                    return refused_upload("doc")
                self._uploaded[receipt] = uploaded
                return {"file": receipt}
            case "video":
                self._keep(uploaded, upload.media_id, upload.title or file_name)
                return {"size": len(content), "video_id": upload.media_id}

    def _photos_save_wall_photo(self, token: Token, values: Mapping[str, str]) -> list[dict[str, Any]]:
        found = re.search(r'"photo":"(\w+)"', values["photo"])
        uploaded = self._uploaded.get(found[1]) if found else None
        if found is None or uploaded is None:
            raise wrong_parameter("photos_list is invalid")
        if values.get("hash") != found[1][:8]:
            raise VkError(121)
        if uploaded.upload.owner_id != self._upload_owner(token, values):
            raise VkError(129)
        self._media_made += 1
        return [media_object(self._keep(uploaded, self._media_made, values.get("caption", "")))]

    def _docs_save(self, _token: Token, values: Mapping[str, str]) -> dict[str, Any]:
        uploaded = self._uploaded.get(values["file"])
        if uploaded is None:
            raise VkError(105)
        self._media_made += 1
        title = values.get("title") or uploaded.file_name
        return {"type": "doc", "doc": media_object(self._keep(uploaded, self._media_made, title))}

    def _keep(self, uploaded: Uploaded, media_id: int, title: str) -> Media:
        media = Media(
            kind=uploaded.upload.kind,
            owner_id=uploaded.upload.owner_id,
            id=media_id,
            title=title,
            mime_type=uploaded.mime_type,
            content=uploaded.content,
            date=self.now(),
        )
        self.media[media.name] = media
        return media

    # People and communities

    def _groups_get_by_id(self, token: Token, values: Mapping[str, str]) -> dict[str, Any]:
        asked = values.get("group_ids") or values.get("group_id", "")
        if not asked and token.kind == "group":
            asked = str(token.owner_id)
        found = [
            community
            for name in asked.split(",")
            for community in self.communities.values()
            if name in (str(community.id), community.screen_name)
        ]
        if not found:
            raise wrong_parameter("group_ids is undefined" if not asked else "group_ids is invalid")
        groups = [community_object(community) for community in found]
        return {"groups": groups, "profiles": []}

    def _groups_get_token_permissions(self, token: Token, _values: Mapping[str, str]) -> dict[str, Any]:
        held = [{"name": name, "setting": bit} for name, bit in COMMUNITY_RIGHTS.items() if name in token.rights]
        return {"mask": sum(COMMUNITY_RIGHTS[str(right["name"])] for right in held), "permissions": held}

    def _users_get(self, token: Token, values: Mapping[str, str]) -> list[dict[str, Any]]:
        own = [str(token.owner_id)] if token.kind == "user" else []
        asked = [name for name in values.get("user_ids", "").split(",") if name] or own
        return [{"id": int(name), "first_name": "Имя", "last_name": "Фамилия"} for name in asked if name.isdecimal()]

    def _account_get_app_permissions(self, token: Token, _values: Mapping[str, str]) -> int:
        return sum(bit for name, bit in USER_RIGHTS.items() if name in token.rights)

    def _utils_get_server_time(self, _token: Token, _values: Mapping[str, str]) -> int:
        return int(self.now().timestamp())

    # Kept across restarts

    def dump(self) -> dict[str, Any]:
        """Return everything as plain JSON data, bytes in base64."""
        return {
            "communities": [
                {**asdict(community), "posts": [plain(asdict(post)) for post in community.posts]}
                for community in self.communities.values()
            ],
            "tokens": {text: plain(asdict(token)) for text, token in self.tokens.items()},
            "media": [plain(asdict(media)) for media in self.media.values()],
            "media_made": self._media_made,
            "guids": [[*guid, post_id, made.isoformat()] for guid, (post_id, made) in self._guids.items()],
            "guid_repeat": self.guid_repeat,
        }

    def restore(self, dumped: Mapping[str, Any]) -> None:
        """Take over what `dump` returned."""
        self.communities = {
            known["id"]: Community(**{**known, "posts": list(map(things.wall_post, known["posts"]))})
            for known in dumped["communities"]
        }
        self.tokens = {text: things.token(known) for text, known in dumped["tokens"].items()}
        self.media = {media.name: media for media in map(things.media, dumped["media"])}
        self._media_made = dumped["media_made"]
        self._guids = {
            (group_id, guid): (post_id, datetime.fromisoformat(made))
            for group_id, guid, post_id, made in dumped["guids"]
        }
        self.guid_repeat = dumped["guid_repeat"]


def refused_upload(kind: MediaKind) -> dict[str, Any]:
    """Return what the upload server answers to a file that it does not take."""
    match kind:
        case "photo":
            return {"server": 1, "photo": "[]", "hash": secrets.token_hex(4)}
        case "doc":
            return {"error": "bad_file", "error_descr": "this file type is not allowed"}
        case "video":
            return {"error": "bad_file"}


def _may_manage(token: Token, group_id: int) -> bool:
    return (token.kind == "group" and token.owner_id == group_id) or group_id in token.administers


def _plain_name(attachment: str) -> str:
    match = _ATTACHMENT.fullmatch(attachment)
    return attachment if match is None else f"{match['kind']}{match['owner']}_{match['id']}"
